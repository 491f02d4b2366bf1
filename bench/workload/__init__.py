"""The workload: who comes when and does what, decided before the run from a seed."""
