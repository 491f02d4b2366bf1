"""Whole nodes in virtual time: networks, disks and clocks that fail by a seed."""
