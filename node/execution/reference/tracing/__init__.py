"""What the machine does, for those who ask: traces in geth's forms."""
