//! What the EVM reads of a state, and what a run of it changed.

use std::collections::HashMap;

use alloy_primitives::map::foldhash::fast::RandomState;
use alloy_primitives::{Address, B256, U256, keccak256};
use revm::Database;
use revm::bytecode::Bytecode;
use revm::state::{AccountInfo, EvmState};

use crate::error::Fault;
use crate::state::{Account, AccountChange, State, slot_of};
use crate::store::{Position, Store};

type Fast<K, V> = HashMap<K, V, RandomState>;

/// A state as a database of the EVM. It remembers what it read: the values before the
/// block, and the hashes of addresses and slots, which the trie needs again.
pub struct StateDb<'a> {
    pub state: &'a State,
    pub store: &'a Store,
    pub parent: &'a Position,
    accounts: Fast<Address, (B256, Option<Account>)>,
    slots: Fast<(Address, U256), (B256, U256)>,
}

/// What a block did to the state.
#[derive(Default)]
pub struct Changes {
    /// By the hash of the address, ascending.
    pub after: Vec<(B256, AccountChange)>,
    /// What undoes it.
    pub before: Vec<(B256, AccountChange)>,
    pub codes: Vec<(B256, Bytecode)>,
    /// What hashes in `after` are of, where the store keeps names.
    pub names: Vec<(B256, Name)>,
}

impl Changes {
    /// Changed accounts and slots.
    pub fn count(&self) -> usize {
        let slots: usize =
            self.after.iter().map(|(_, change)| change.slots.len()).sum();
        self.after.len() + slots
    }
}

/// What the trie knows only by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    Account(Address),
    Slot(U256),
}

impl<'a> StateDb<'a> {
    pub fn new(state: &'a State, store: &'a Store, parent: &'a Position) -> Self {
        let (accounts, slots) = (Fast::default(), Fast::default());
        Self { state, store, parent, accounts, slots }
    }

    fn load(&mut self, address: Address) -> Result<&(B256, Option<Account>), Fault> {
        use std::collections::hash_map::Entry;
        match self.accounts.entry(address) {
            Entry::Occupied(found) => Ok(found.into_mut()),
            Entry::Vacant(place) => {
                let key = keccak256(address);
                Ok(place.insert((key, self.state.account_at(&key)?)))
            }
        }
    }

    /// The differences between the state and what a run of the EVM ended with.
    ///
    /// A slot counts as changed against its value before the block: the EVM re-bases its
    /// own original values with every transaction.
    pub fn changes(&mut self, ended: EvmState) -> Result<Changes, Fault> {
        let mut changes = Changes::default();
        let keeps_names = self.store.keeps_names();
        for (address, account) in ended {
            if !account.is_touched() {
                continue;
            }
            let (key, old) = self.load(address)?.clone();
            let is_gone = account.is_selfdestructed_locally() || account.is_empty();
            let is_wiped =
                is_gone || account.is_created() || account.is_selfdestructed();
            let info = &account.info;
            let mut after = AccountChange { is_wiped, ..AccountChange::default() };
            let mut before = AccountChange { is_wiped: old.is_none(), ..after.clone() };
            before.info =
                old.as_ref().map(|old| (old.nonce, old.balance, old.code_hash));
            if !is_gone {
                after.info = Some((info.nonce, info.balance, info.code_hash));
                for (slot, word) in account.storage {
                    let known = self.slots.get(&(address, slot)).copied();
                    let (hash, was) = match known {
                        Some((hash, was)) if !is_wiped => (hash, was),
                        _ => (keccak256(slot.to_be_bytes::<32>()), U256::ZERO),
                    };
                    if word.present_value != was {
                        after.slots.push((hash, word.present_value));
                        before.slots.push((hash, was));
                        if keeps_names {
                            changes.names.push((hash, Name::Slot(slot)));
                        }
                    }
                }
                after.slots.sort_unstable_by_key(|entry| entry.0);
            }
            if is_wiped
                && let Some(storage) =
                    old.as_ref().and_then(|old| old.storage.as_deref())
            {
                before.slots.clear();
                before.is_wiped = true;
                storage.for_each(&mut |hash, word| {
                    before.slots.push((*hash, word.word()));
                    Ok(())
                })?;
            }
            before.slots.sort_unstable_by_key(|entry| entry.0);
            let is_same =
                after.info == before.info && after.slots.is_empty() && !is_wiped;
            if is_same || (is_gone && old.is_none()) {
                continue;
            }
            let was = old.map(|old| old.code_hash);
            if !is_gone && was != Some(info.code_hash) && !info.is_empty_code_hash() {
                let code = info.code.clone();
                let code = code.ok_or_else(|| Fault::new("new code is not at hand"))?;
                changes.codes.push((info.code_hash, code));
            }
            if keeps_names {
                changes.names.push((key, Name::Account(address)));
            }
            changes.after.push((key, after));
            changes.before.push((key, before));
        }
        changes.after.sort_unstable_by_key(|entry| entry.0);
        changes.before.sort_unstable_by_key(|entry| entry.0);
        Ok(changes)
    }
}

impl Database for StateDb<'_> {
    type Error = Fault;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Fault> {
        let (_, account) = self.load(address)?;
        Ok(account.as_ref().map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            code: None,
        }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Fault> {
        self.store.code(&hash)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Fault> {
        if let Some((_, word)) = self.slots.get(&(address, slot)) {
            return Ok(*word);
        }
        let hash = keccak256(slot.to_be_bytes::<32>());
        let word = match &self.load(address)?.1 {
            Some(account) => slot_of(account, &hash)?,
            None => U256::ZERO,
        };
        self.slots.insert((address, slot), (hash, word));
        Ok(word)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Fault> {
        let back = self.parent.number.checked_sub(number);
        let found = back.and_then(|back| self.parent.ancestors.get(back as usize));
        Ok(found.copied().unwrap_or_default())
    }
}
