"""What is proven from the genesis file alone."""
