"""Tests of the consensus core: plain functions, no clock, no sockets."""
