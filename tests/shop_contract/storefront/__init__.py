"""The storefront in a real browser, in both worlds."""
