"""The source of the contract. Who only uses it reads `shop_contract.artifact`."""
