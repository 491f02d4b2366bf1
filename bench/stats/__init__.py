"""Statistics over raw samples: percentiles, windows, recovery times, intervals."""
