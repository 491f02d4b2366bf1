"""The source of the shop's contract. Who only uses it reads `shop_contract.artifact`."""
