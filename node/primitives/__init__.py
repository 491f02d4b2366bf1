"""Typed bytes, keccak, secp256k1 and RLP: what every other room builds on."""
