//! States of the past, from what each block replaced.
//!
//! The newest states are whole versions in memory. An older one is made from the nearest
//! newer version by putting back what the blocks between replaced; the cost follows those
//! changes. Undo records lie in the store until pruning, so this works after a restart
//! and, in an archive, for every block.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use alloy_primitives::{B256, U256};

use crate::error::Fault;
use crate::state::{AccountChange, read_word, write_word};
use crate::trie::node::take;

/// The undo record of a block.
pub fn encode(changes: &[(B256, AccountChange)]) -> Vec<u8> {
    let slots: usize = changes.iter().map(|(_, change)| change.slots.len()).sum();
    let mut out = Vec::with_capacity(changes.len() * 96 + slots * 48);
    for (key, change) in changes {
        out.extend_from_slice(key.as_slice());
        out.push(u8::from(change.info.is_some()) | u8::from(change.is_wiped) << 1);
        if let Some((nonce, balance, code_hash)) = &change.info {
            write_word(&U256::from(*nonce), &mut out);
            write_word(balance, &mut out);
            out.extend_from_slice(code_hash.as_slice());
        }
        out.extend_from_slice(&(change.slots.len() as u32).to_be_bytes());
        for (slot, word) in &change.slots {
            out.extend_from_slice(slot.as_slice());
            write_word(word, &mut out);
        }
    }
    out
}

fn decode(mut record: &[u8]) -> Result<Vec<(B256, AccountChange)>, Fault> {
    let from = &mut record;
    let mut changes = Vec::new();
    while !from.is_empty() {
        let key = B256::from_slice(take(from, 32)?);
        let parts = take(from, 1)?[0];
        let mut change =
            AccountChange { is_wiped: parts & 2 != 0, ..Default::default() };
        if parts & 1 != 0 {
            let nonce = read_word(from)?.saturating_to();
            let balance = read_word(from)?;
            change.info = Some((nonce, balance, B256::from_slice(take(from, 32)?)));
        }
        let count = take(from, 4)?;
        let count = u32::from_be_bytes([count[0], count[1], count[2], count[3]]);
        for _ in 0..count {
            let slot = B256::from_slice(take(from, 32)?);
            change.slots.push((slot, read_word(from)?));
        }
        changes.push((key, change));
    }
    Ok(changes)
}

/// The changes that lead back over several blocks, given from the oldest to the newest:
/// the oldest record of a value has the word.
#[derive(Default)]
pub struct Rewind {
    accounts: BTreeMap<B256, Old>,
    len: usize,
}

struct Old {
    info: Option<(u64, U256, B256)>,
    is_wiped: bool,
    slots: BTreeMap<B256, U256>,
}

impl Rewind {
    /// Accounts and slots that are put back.
    pub fn size(&self) -> usize {
        self.len
    }

    pub fn add(&mut self, record: &[u8]) -> Result<(), Fault> {
        for (key, change) in decode(record)? {
            let old = match self.accounts.entry(key) {
                Entry::Occupied(found) => found.into_mut(),
                Entry::Vacant(place) => {
                    self.len += 1;
                    place.insert(Old {
                        info: change.info,
                        is_wiped: false,
                        slots: BTreeMap::new(),
                    })
                }
            };
            if old.is_wiped {
                continue;
            }
            old.is_wiped = change.is_wiped;
            let known = old.slots.len();
            for (slot, word) in change.slots {
                old.slots.entry(slot).or_insert(word);
            }
            self.len += old.slots.len() - known;
        }
        Ok(())
    }

    /// Sorted, for `State::apply`.
    pub fn changes(self) -> Vec<(B256, AccountChange)> {
        let change = |old: Old| AccountChange {
            info: old.info,
            is_wiped: old.is_wiped,
            slots: old.slots.into_iter().collect(),
        };
        self.accounts.into_iter().map(|(key, old)| (key, change(old))).collect()
    }
}
