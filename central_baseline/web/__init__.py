"""The web tier: HTTP and JSON around the shop, nothing else."""
