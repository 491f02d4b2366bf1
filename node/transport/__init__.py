"""Frames, handshake and the mesh of peers over WebSocket and TLS."""
