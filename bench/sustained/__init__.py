"""What a running network sustains, what an order costs it, what overload does to it."""
