"""The load generator: sessions on time, patience, retries, and its own lag."""
