"""What somebody who trusts only the genesis file can check of a block or an order."""
