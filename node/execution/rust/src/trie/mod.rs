//! The state trie: persistent, incremental, Ethereum's secure Merkle-Patricia trie.
//!
//! Every version of the trie is an immutable tree of shared nodes. A block's changes make
//! a new version in time proportional to them (`update`), older versions stay readable
//! for as long as somebody holds their root, and dropping a root frees what nothing else
//! shares. So an executed block that is discarded costs nothing, a view is a root, and a
//! window of recent states is a queue of roots.
//!
//! Weighed before writing it, 5,000 new leaves a block on 1 million leaves, one thread of
//! the same machine: kona-mpt 0.3 took 415 us a leaf (its `blind` forgets the nodes it
//! hashed) and 518 bytes a leaf; ethrex-trie 31 took 8-12 us without its node store,
//! 18-19 us with it, and 780 bytes; alloy-trie builds roots from sorted leaves only, and
//! is the oracle of the tests here. None keeps several versions beside each other or gives
//! up cold parts, which the executor needs.
//!
//! Keys are 32-byte hashes: there is no value in a branch, and no key is a prefix of
//! another. Transaction and receipt tries are not made here (alloy-trie does them).
//! Source: yellow paper, appendix D.

pub mod bucket;
pub mod disk;
pub mod evict;
pub mod node;
pub mod page;
pub mod proof;
mod update;

pub use node::{Change, EMPTY_ROOT, Link, Node, Value};
pub use page::{Meter, Replaced, Source, Space};
pub use update::update;

#[cfg(test)]
mod tests;

/// The root hash of a version.
pub fn root_hash<V: Value>(root: Option<&Link<V>>) -> alloy_primitives::B256 {
    root.map_or(EMPTY_ROOT, |link| link.reference.root())
}
