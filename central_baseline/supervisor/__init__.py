"""The parent of every server: starts, restarts, measures, stops, and takes orders."""
