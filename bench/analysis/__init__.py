"""From raw samples to results: pure computation over a run's folder."""
