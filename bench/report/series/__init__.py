"""What many trials allow one to say: intervals, ratios, knees, rejected trials."""
