"""Tests of frames, handshake and the mesh."""
