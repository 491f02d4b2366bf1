"""What a chain is made of: headers, blocks, transactions, genesis, certificates."""
