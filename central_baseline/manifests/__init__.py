"""The ladder as files for real machines, from the same definitions that run here."""
