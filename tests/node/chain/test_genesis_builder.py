"""What a made genesis holds, and that it survives its file."""

import json

import pytest

from node.chain.genesis import ConsensusConfig, GenesisError, parse_genesis
from node.chain.genesis_builder import INITIAL_BASE_FEE, make_genesis
from node.chain.system_contracts import predeploys
from node.chain.validator_contract import VALIDATOR_CONTRACT
from node.primitives.keccak import keccak256
from node.primitives.types import Address

VALIDATORS = [Address(bytes((n,)) * 20) for n in (3, 1, 2)]
RICH = Address(b"\x77" * 20)


def made(**changes):
    arguments = {
        "chain_id": 7001,
        "validators": VALIDATORS,
        "balances": {RICH: 5},
        "consensus": ConsensusConfig(),
        "timestamp": 1_700_000_000,
    } | changes
    return make_genesis(**arguments)


def test_it_holds_balances_validators_and_every_system_contract():
    genesis = made()
    assert genesis.alloc[RICH].balance == 5
    assert genesis.validators.addresses == tuple(sorted(VALIDATORS))
    assert genesis.base_fee_per_gas == INITIAL_BASE_FEE
    for entry in predeploys():
        assert genesis.alloc[entry.address].code == entry.code
    assert genesis.alloc[VALIDATOR_CONTRACT].code


def test_the_deployer_of_deterministic_addresses_is_the_known_one():
    deployer = Address(bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c"))
    code = next(p.code for p in predeploys() if p.address == deployer)
    assert keccak256(code).hex() == (
        "2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989"
    )


def test_equal_arguments_give_the_equal_genesis_and_the_file_repeats_it():
    genesis = made()
    assert made().digest == genesis.digest
    assert made(validators=VALIDATORS[::-1]).digest == genesis.digest
    assert parse_genesis(json.dumps(genesis.to_json())).digest == genesis.digest
    assert made(chain_id=7001, timestamp=1).digest != genesis.digest


def test_a_network_with_free_gas_begins_at_zero():
    assert made(consensus=ConsensusConfig(zero_base_fee=True)).base_fee_per_gas == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"validators": []}, "1 to 64"),
        ({"validators": [VALIDATORS[0]] * 2}, "twice"),
        ({"validators": [Address(bytes(20))]}, "zero address"),
        ({"consensus": ConsensusConfig(min_validators=4)}, "min_validators is 4"),
        ({"consensus": ConsensusConfig(min_validators=0)}, "min_validators is 0"),
        ({"balances": {VALIDATOR_CONTRACT: 1}}, "contract of the system"),
    ],
)
def test_what_makes_no_network_is_refused(changes, says):
    with pytest.raises(GenesisError, match=says):
        made(**changes)
