"""What is exchanged with peers besides consensus messages."""
