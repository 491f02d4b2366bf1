"""Merkle-Patricia tries, updated in batches: what roots and proofs are made of.

`update` applies all changes of a block to one trie at once and makes every new node
exactly once, so its cost follows what changed. It never deletes nodes: older roots stay
readable for as long as their nodes are kept. Keys are bytes; callers hash them
where the trie is "secure". A node in memory is the tuple of its still encoded items.

Own code because py-trie sets one key at a time and encodes each node on the way for
each of them (150 us a key; here 20). py-trie is the oracle of the tests.
Source: yellow paper, appendix D; appendix C for the hex prefix.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.types import Hash32

Node: TypeAlias = tuple[bytes, ...]
"""Encoded items: 17 of a branch, or 2 of a leaf or an extension."""

Load: TypeAlias = Callable[[bytes], Node]
"""The node of a hash. Raises KeyError when it is not there."""

Pair: TypeAlias = tuple[str, bytes]
"""(path as hexadecimal digits, encoded value); an empty value deletes."""

EMPTY = b"\x80"
EMPTY_TRIE_ROOT = keccak256(EMPTY)
HASH_PREFIX = 0xA0
BRANCH_ITEMS = 17
VALUE = 16
DIGITS = "0123456789abcdef"


def split_node(encoded: bytes) -> Node:
    """A node's items, still encoded. Raises RlpError."""
    if encoded[0] != 0xF9 and encoded[0] != 0xF8:
        return tuple(rlp.split_list(encoded))
    items = []
    at = encoded[0] - 0xF6
    end = len(encoded)
    while at < end:  # the common items of a branch first: hashes and nothing
        first = encoded[at]
        if first == HASH_PREFIX:
            size = 33
        elif first <= 0x80:
            size = 1
        elif first < 0xB8:
            size = first - 0x7F
        elif 0xC0 <= first < 0xF8:
            size = first - 0xBF
        else:
            return tuple(rlp.split_list(encoded))
        items.append(encoded[at : at + size])
        at += size
    return tuple(items)


def join_node(node: Node) -> bytes:
    """What `split_node` splits."""
    return rlp.encode_list(node)


def get(load: Load, root: Hash32, key: bytes) -> bytes:
    """The value of a key, empty when there is none. Raises KeyError (missing node)."""
    path = key.hex()
    ref = _ref_of(root)
    at = 0
    while ref != EMPTY:
        node = _resolve(load, ref)
        if len(node) == BRANCH_ITEMS:
            if at == len(path):
                return _decoded(node[VALUE])
            ref = node[int(path[at], 16)]
            at += 1
            continue
        part, is_leaf = _unpack(node[0])
        if is_leaf:
            return _decoded(node[1]) if path[at:] == part else b""
        if not path.startswith(part, at):
            return b""
        at += len(part)
        ref = node[1]
    return b""


def prove(load: Load, root: Hash32, key: bytes) -> tuple[bytes, ...]:
    """The encoded nodes from the root towards a key: a proof of value or absence.

    Nodes shorter than 32 bytes are part of their parents and not listed.
    """
    path = key.hex()
    ref = _ref_of(root)
    at = 0
    found = []
    while ref != EMPTY:
        node = _resolve(load, ref)
        if ref[0] == HASH_PREFIX:
            found.append(join_node(node))
        if len(node) == BRANCH_ITEMS:
            if at == len(path):
                break
            ref = node[int(path[at], 16)]
            at += 1
            continue
        part, is_leaf = _unpack(node[0])
        if is_leaf or not path.startswith(part, at):
            break
        at += len(part)
        ref = node[1]
    return tuple(found)


def update(
    load: Load, root: Hash32, changes: Mapping[bytes, bytes], new: dict[bytes, Node]
) -> Hash32:
    """The root after setting each key; an empty value deletes it.

    New nodes are added to `new` by their hash. Raises KeyError (missing node).
    """
    if not changes:
        return root
    pairs = sorted(
        (key.hex(), rlp.encode(value) if value else b"")
        for key, value in changes.items()
    )
    writer = _Writer(load, new)
    ref = writer.apply(_ref_of(root), pairs, 0)
    return writer.root(ref)


def list_root(items: Sequence[bytes]) -> Hash32:
    """Root of the trie of a list: transactions, receipts."""
    changes = {rlp.encode(rlp.from_int(at)): item for at, item in enumerate(items)}
    return update(_no_node, EMPTY_TRIE_ROOT, changes, {})


def secure_root(leaves: Mapping[bytes, bytes]) -> Hash32:
    """Root of the trie of these keys (hashed already) and values."""
    return update(_no_node, EMPTY_TRIE_ROOT, leaves, {})


class _Writer:
    """Applies sorted changes to sub-tries; references are encoded items."""

    def __init__(self, load: Load, new: dict[bytes, Node]) -> None:
        self._stored = load
        self._new = new

    def apply(self, ref: bytes, pairs: list[Pair], depth: int) -> bytes:
        """The reference of a sub-trie after changes that all lead into it."""
        if ref == EMPTY:
            return self._build([pair for pair in pairs if pair[1]], depth)
        node = _resolve(self._load, ref)
        if len(node) == BRANCH_ITEMS:
            return self._apply_branch(node, pairs, depth)
        part, is_leaf = _unpack(node[0])
        if is_leaf:
            return self._apply_leaf(part, node[1], pairs, depth)
        return self._apply_extension(part, node[1], pairs, depth)

    def root(self, ref: bytes) -> Hash32:
        """The root hash; a root is stored by hash however short it is."""
        if ref == EMPTY:
            return EMPTY_TRIE_ROOT
        if ref[0] == HASH_PREFIX and len(ref) == 33:
            return Hash32(ref[1:])
        digest = keccak256(ref)
        self._new[digest] = split_node(ref)
        return digest

    def _load(self, digest: bytes) -> Node:
        node = self._new.get(digest)
        return self._stored(digest) if node is None else node

    def _apply_branch(self, node: Node, pairs: list[Pair], depth: int) -> bytes:
        items = list(node)
        shrunk = False
        for digit, group in _groups(pairs, depth):
            if digit == VALUE:
                items[VALUE] = group[0][1] or EMPTY
            else:
                items[digit] = self.apply(items[digit], group, depth + 1)
            shrunk = shrunk or items[digit] == EMPTY
        return self._collapse(items) if shrunk else self._store(tuple(items))

    def _apply_leaf(
        self, part: str, value: bytes, pairs: list[Pair], depth: int
    ) -> bytes:
        path = pairs[0][0][:depth] + part
        kept = [pair for pair in pairs if pair[1]]
        if all(pair[0] != path for pair in pairs):
            kept = sorted([*kept, (path, value)])
        return self._build(kept, depth)

    def _apply_extension(
        self, part: str, child: bytes, pairs: list[Pair], depth: int
    ) -> bytes:
        length = len(part)
        relevant = [p for p in pairs if p[1] or p[0].startswith(part, depth)]
        if not relevant:
            return self._extend(part, child)
        common = min(_common(p[0][depth : depth + length], part) for p in relevant)
        if common == length:
            return self._extend(part, self.apply(child, relevant, depth + length))
        items = [EMPTY] * BRANCH_ITEMS
        items[int(part[common], 16)] = self._extend(part[common + 1 :], child)
        ref = self._apply_branch(tuple(items), relevant, depth + common)
        return self._extend(part[:common], ref)

    def _build(self, pairs: list[Pair], depth: int) -> bytes:
        """A sub-trie of nothing but these pairs."""
        if not pairs:
            return EMPTY
        first = pairs[0][0]
        if len(pairs) == 1:
            return self._store((_pack(first[depth:], True), pairs[0][1]))
        common = _common(first[depth:], pairs[-1][0][depth:])
        items = [EMPTY] * BRANCH_ITEMS
        for digit, group in _groups(pairs, depth + common):
            if digit == VALUE:
                items[VALUE] = group[0][1]
            else:
                items[digit] = self._build(group, depth + common + 1)
        ref = self._store(tuple(items))
        return self._extend(first[depth : depth + common], ref)

    def _collapse(self, items: list[bytes]) -> bytes:
        """A branch after a deletion: with one item left it is a branch no more."""
        left = [at for at, item in enumerate(items) if item != EMPTY]
        if not left:
            return EMPTY
        if len(left) > 1:
            return self._store(tuple(items))
        if left[0] == VALUE:
            return self._store((_pack("", True), items[VALUE]))
        return self._extend(DIGITS[left[0]], items[left[0]])

    def _extend(self, part: str, child: bytes) -> bytes:
        """The child below some more digits; short nodes merge."""
        if not part or child == EMPTY:
            return child
        node = _resolve(self._load, child)
        if len(node) == BRANCH_ITEMS:
            return self._store((_pack(part, False), child))
        rest, is_leaf = _unpack(node[0])
        return self._store((_pack(part + rest, is_leaf), node[1]))

    def _store(self, node: Node) -> bytes:
        encoded = join_node(node)
        if len(encoded) < 32:
            return encoded
        digest = keccak256(encoded)
        self._new[digest] = node
        return b"\xa0" + digest


def _groups(pairs: list[Pair], depth: int) -> Iterable[tuple[int, list[Pair]]]:
    for digit, group in groupby(pairs, lambda pair: pair[0][depth : depth + 1]):
        yield (int(digit, 16) if digit else VALUE), list(group)


def _common(left: str, right: str) -> int:
    """How many digits two paths share at their start."""
    length = min(len(left), len(right))
    for at in range(length):
        if left[at] != right[at]:
            return at
    return length


def _ref_of(root: Hash32) -> bytes:
    return EMPTY if root == EMPTY_TRIE_ROOT else b"\xa0" + root


def _resolve(load: Load, ref: bytes) -> Node:
    return load(ref[1:]) if ref[0] == HASH_PREFIX else split_node(ref)


def _decoded(item: bytes) -> bytes:
    return rlp.to_bytes(rlp.decode(item))


def _pack(part: str, is_leaf: bool) -> bytes:
    """Hex prefix of a path, as an encoded item."""
    flag = 2 if is_leaf else 0
    odd = len(part) % 2
    return rlp.encode(bytes.fromhex(f"{flag + odd}{'' if odd else '0'}{part}"))


def _unpack(item: bytes) -> tuple[str, bool]:
    text = _decoded(item).hex()
    flag = int(text[0], 16)
    return text[1 if flag & 1 else 2 :], bool(flag & 2)


def _no_node(digest: bytes) -> Node:
    raise KeyError(digest)
