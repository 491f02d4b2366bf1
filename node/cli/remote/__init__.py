"""Commands that ask a running node over JSON-RPC."""
