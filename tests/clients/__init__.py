"""Unmodified clients against our chains, as their users run them."""
