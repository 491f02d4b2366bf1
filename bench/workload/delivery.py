"""Sealed addresses: what a delivery address looks like to a shop that cannot read it.

Envelopes are opaque to both worlds, so the workload makes them by hashing instead of
encrypting: same size, no meaning, and the same bytes for every target.
"""

from hashlib import shake_128

ENVELOPE_BYTES = 125  # an ephemeral P-256 point, a nonce, a tag, and a short address


def sealed_address(session: int, version: int) -> bytes:
    """The envelope of one session's address; the version tells changes apart."""
    return shake_128(f"address/{session}/{version}".encode()).digest(ENVELOPE_BYTES)
