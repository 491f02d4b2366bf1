"""Making a genesis: balances, the validator contract and the predeployed contracts.

The result is a value like any parsed genesis file (`Genesis.to_json` writes it): equal
arguments give the equal genesis hash.
"""

from collections.abc import Iterable, Mapping

from node.chain.genesis import (
    ConsensusConfig,
    Genesis,
    GenesisAccount,
    GenesisError,
)
from node.chain.system_contracts import predeploys, validators_code
from node.chain.validator_contract import MAX_VALIDATORS, VALIDATOR_CONTRACT
from node.primitives.types import Address

INITIAL_BASE_FEE = 1_000_000_000
MINIMUM_SIZE_SLOT = 65


def make_genesis(
    chain_id: int,
    validators: Iterable[Address],
    balances: Mapping[Address, int],
    consensus: ConsensusConfig,
    timestamp: int,
) -> Genesis:
    """Balances in wei, timestamp in seconds. Raises GenesisError."""
    alloc = {at: GenesisAccount(balance=wei) for at, wei in balances.items()}
    placed = {
        entry.address: GenesisAccount(nonce=entry.nonce, code=entry.code)
        for entry in predeploys()
    }
    placed[VALIDATOR_CONTRACT] = GenesisAccount(
        nonce=1,
        code=validators_code(),
        storage=validator_storage(validators, consensus.min_validators),
    )
    for at, account in placed.items():
        if at in alloc:
            raise GenesisError(
                f"0x{at.hex()} is a contract of the system; give it no balance"
            )
        alloc[at] = account
    return Genesis(
        chain_id=chain_id,
        consensus=consensus,
        alloc=alloc,
        timestamp=timestamp,
        base_fee_per_gas=0 if consensus.zero_base_fee else INITIAL_BASE_FEE,
    )


def validator_storage(
    validators: Iterable[Address], minimum_size: int
) -> dict[int, int]:
    """The contract's first storage. Raises GenesisError."""
    members = sorted(validators)
    if not 1 <= len(members) <= MAX_VALIDATORS:
        raise GenesisError(f"a network has 1 to {MAX_VALIDATORS} validators")
    if len(set(members)) != len(members):
        raise GenesisError("a validator is listed twice")
    if not 1 <= minimum_size <= len(members):
        raise GenesisError(
            f"min_validators is {minimum_size}, the network has {len(members)}"
        )
    words = [int.from_bytes(member, "big") for member in members]
    if words[0] == 0:
        raise GenesisError("the zero address is no validator")
    return {
        0: len(words),
        **{position: word for position, word in enumerate(words, 1)},
        MINIMUM_SIZE_SLOT: minimum_size,
    }
