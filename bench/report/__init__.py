"""The report: one self-contained offline page, computed from a run's folder."""
