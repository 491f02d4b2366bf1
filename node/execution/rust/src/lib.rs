//! The fast executor of chandlery: revm over an incremental Merkle-Patricia trie.
//!
//! The contract is `node/execution/executor.py`: bytes in, bytes out, one call a block.
//! From the bottom: `trie` (persistent, paged), `state` (accounts and storage over it),
//! `store` and `saver` (checkpoints in redb), `tx` and `rawtx` (transactions), `block`
//! (one execution), `engine` and `window` (what is committed, pending and past), `propose`
//! (build and execute), `view`, `calls` and `trace` (reads), `receipts` (as JSON), `dev`
//! (the engine of a dev chain), `python` (the border).

#![deny(unsafe_code)]

pub mod allocator;
pub mod block;
pub mod calls;
pub mod database;
pub mod dev;
pub mod engine;
pub mod error;
pub mod genesis;
pub mod header;
pub mod history;
pub mod limit;
pub mod machine;
pub mod phases;
pub mod propose;
#[cfg(feature = "python")]
mod python;
pub mod rawtx;
pub mod receipts;
pub mod saver;
pub mod state;
pub mod statetest;
pub mod store;
pub mod touched;
pub mod trace;
pub mod trie;
pub mod tx;
pub mod view;
pub mod window;
