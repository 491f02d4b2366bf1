"""Events and effects as JSON: what `chandlery replay` steps through.

Every entry names its type; bytes are hex, a consensus message is its wire form (which
`node.consensus.codec.decode_message` reads), headers and blocks their encodings. The
same run gives the same bytes: fields keep their order and nothing depends on hashing.
"""

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from node.chain.header import Header
from node.chain.validators import ValidatorSet
from node.consensus import codec
from node.consensus.messages import (
    CommitMessage,
    PrepareMessage,
    ProposalMessage,
    RoundChangeMessage,
)

MESSAGES = (ProposalMessage, PrepareMessage, CommitMessage, RoundChangeMessage)


def entry_of(item: object) -> dict[str, object]:
    """One event or effect; JSON-able."""
    jsonable = _jsonable(item)
    assert isinstance(jsonable, dict)
    return jsonable


def _jsonable(value: Any) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_jsonable(item) for item in value]
    if isinstance(value, MESSAGES):
        wire = codec.encode_message(value).hex()
        return {"type": type(value).__name__, "wire": wire}
    if isinstance(value, Header):
        return {"type": "Header", "rlp": value.encoded.hex()}
    if isinstance(value, ValidatorSet):
        return [address.hex() for address in value.addresses]
    if is_dataclass(value):
        named = {f.name: _jsonable(getattr(value, f.name)) for f in fields(value)}
        return {"type": type(value).__name__, **named}
    return value
