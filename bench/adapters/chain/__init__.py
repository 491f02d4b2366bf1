"""The adapter of any Ethereum JSON-RPC endpoint on which the shop is deployed."""
