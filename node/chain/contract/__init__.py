"""Contracts that the genesis places, as data; `node.chain.system_contracts` reads them.

Validators.vy is the source of the validator contract, Validators.json what
`python -m node.chain.contract.build` made of it, predeploys.json the published code of
the EIPs' system contracts and of the CREATE2 deployer.
"""
