"""The world of a simulated host: time, network, disk, state, signatures."""
