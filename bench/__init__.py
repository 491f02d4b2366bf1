"""The comparison: one workload, one fault injector, one set of checks for both worlds.

bench reaches every target as a client would: through its endpoints, and through the
control socket of its supervisor for faults. It never imports the node or the central
shop, and everything it reports is computed from the raw samples of a run's folder.
"""
