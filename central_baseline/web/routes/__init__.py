"""What each path of the web API does."""
