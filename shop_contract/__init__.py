"""The candle shop itself: its rules, its contract and its storefront."""
