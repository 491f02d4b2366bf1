"""One adapter per kind of target; all answer to the same contract."""
