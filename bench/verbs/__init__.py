"""What can be done with finished runs: compare two, judge one, do one again."""
