"""The lab: short lessons that break the shop in front of a class, and explain it."""
