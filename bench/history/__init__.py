"""Raw samples: every operation of a trial, one line each, written as it ends."""
