"""eth_simulateV1: blocks that nobody makes, on top of one that exists."""
