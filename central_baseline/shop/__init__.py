"""Selling candles: the shop's rules around its SQL, without a word of HTTP."""
