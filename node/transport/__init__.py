"""Authenticated peers: frames and handshake (pure), and the mesh that carries them."""
