//! The state of one block: accounts, each with its storage, as one persistent trie.

use std::sync::{Arc, Mutex, PoisonError};

use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256, keccak256};
use alloy_rlp::Encodable;

use crate::error::Fault;
use crate::trie::disk::{self, Sink};
use crate::trie::evict::Evictable;
use crate::trie::node::take;
use crate::trie::{self, Change, Link, Node, Replaced, Source, Space, Value};

/// A storage word as bytes, which pack closer than a number; zero is never stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(B256);

impl Slot {
    pub fn new(word: U256) -> Self {
        Self(word.into())
    }

    pub fn word(&self) -> U256 {
        self.0.into()
    }
}

impl Value for Slot {
    const LEAF_BYTES: usize = 130;
    const HAS_TRIE: bool = false;

    fn write_rlp(&self, out: &mut Vec<u8>) {
        self.word().encode(out);
    }

    fn write_disk(&self, out: &mut Vec<u8>) {
        write_word(&self.word(), out);
    }

    fn read_disk(
        _: &B256,
        from: &mut &[u8],
        _: &Arc<dyn Source>,
    ) -> Result<Self, Fault> {
        read_word(from).map(Self::new)
    }
}

/// An account as the trie commits to it, and the root of its storage.
#[derive(Clone)]
pub struct Account {
    pub nonce: u64,
    pub balance: U256,
    pub code_hash: B256,
    pub storage: Option<triomphe::Arc<Link<Slot>>>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: KECCAK256_EMPTY,
            storage: None,
        }
    }
}

impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        self.nonce == other.nonce
            && self.balance == other.balance
            && self.code_hash == other.code_hash
            && self.storage_root() == other.storage_root()
    }
}

impl Account {
    pub fn storage_root(&self) -> B256 {
        trie::root_hash(self.storage.as_deref())
    }

    /// EIP-161: what is removed when touched.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK256_EMPTY
    }
}

impl Value for Account {
    const LEAF_BYTES: usize = 190;
    const HAS_TRIE: bool = true;

    fn write_rlp(&self, out: &mut Vec<u8>) {
        let (root, code) = (self.storage_root(), self.code_hash);
        let payload_length = self.nonce.length() + self.balance.length() + 66;
        alloy_rlp::Header { list: true, payload_length }.encode(out);
        self.nonce.encode(out);
        self.balance.encode(out);
        root.encode(out);
        code.encode(out);
    }

    fn write_disk(&self, out: &mut Vec<u8>) {
        write_word(&U256::from(self.nonce), out);
        write_word(&self.balance, out);
        let has_code = self.code_hash != KECCAK256_EMPTY;
        out.push(u8::from(has_code) | u8::from(self.storage.is_some()) << 1);
        if has_code {
            out.extend_from_slice(self.code_hash.as_slice());
        }
        if let Some(storage) = &self.storage {
            disk::write_link(storage, out);
        }
    }

    fn read_disk(
        key: &B256,
        from: &mut &[u8],
        source: &Arc<dyn Source>,
    ) -> Result<Self, Fault> {
        let nonce = u64::try_from(read_word(from)?)
            .map_err(|_| Fault::corrupt("a nonce is above 64 bits"))?;
        let balance = read_word(from)?;
        let parts = take(from, 1)?[0];
        let mut account = Self { nonce, balance, ..Self::default() };
        if parts & 1 != 0 {
            account.code_hash = B256::from_slice(take(from, 32)?);
        }
        if parts & 2 != 0 {
            let space = Space::new(source.clone(), Some(*key));
            account.storage =
                Some(triomphe::Arc::new(disk::read_link(&space, &[], from)?));
        }
        Ok(account)
    }

    fn pages_below(&self, pages: &mut Vec<Arc<dyn Evictable>>) -> Result<bool, Fault> {
        match &self.storage {
            None => Ok(true),
            Some(storage) => {
                trie::evict::collect(storage, pages)?;
                Ok(!matches!(storage.node, Node::Branch(_)))
            }
        }
    }

    fn write_below(
        old: Option<&Self>,
        new: Option<&Self>,
        space: &Space,
        sink: &mut dyn Sink,
    ) -> Result<(), Fault> {
        let old = old.and_then(|account| account.storage.as_deref());
        let new = new.and_then(|account| account.storage.as_deref());
        disk::write_changes(space, old, new, sink)
    }
}

/// A word without its leading zeros, after its length.
pub fn write_word(word: &U256, out: &mut Vec<u8>) {
    let size = word.byte_len();
    out.push(size as u8);
    out.extend_from_slice(&word.to_be_bytes::<32>()[32 - size..]);
}

/// Reads what `write_word` made.
pub fn read_word(from: &mut &[u8]) -> Result<U256, Fault> {
    let size = take(from, 1)?[0] as usize;
    if size > 32 {
        return Err(Fault::corrupt("a word is longer than 32 bytes"));
    }
    Ok(U256::from_be_slice(take(from, size)?))
}

/// What a block does to one account. Slots are by hash of their number; zero removes.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    /// Nonce, balance, code hash after the block; `None` removes the account.
    pub info: Option<(u64, U256, B256)>,
    /// The storage of before is gone (the account was removed, or made again).
    pub is_wiped: bool,
    pub slots: Vec<(B256, U256)>,
}

/// A version of the state; cheap to clone, never changed.
#[derive(Clone)]
pub struct State {
    pub accounts: Option<Link<Account>>,
    space: Space,
}

impl State {
    /// The state without accounts.
    pub fn empty(source: Arc<dyn Source>, parallel: bool) -> Self {
        Self { accounts: None, space: Space { parallel, ..Space::new(source, None) } }
    }

    /// The state whose accounts have this root node.
    pub fn with_accounts(&self, accounts: Option<Link<Account>>) -> Self {
        Self { accounts, space: self.space.clone() }
    }

    pub fn space(&self) -> &Space {
        &self.space
    }

    pub fn root(&self) -> B256 {
        trie::root_hash(self.accounts.as_ref())
    }

    pub fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        self.account_at(&keccak256(address))
    }

    /// The account by the hash of its address.
    pub fn account_at(&self, key: &B256) -> Result<Option<Account>, Fault> {
        self.accounts.as_ref().map_or(Ok(None), |root| root.get(key))
    }

    pub fn slot(&self, address: &Address, slot: &U256) -> Result<U256, Fault> {
        let Some(account) = self.account(address)? else {
            return Ok(U256::ZERO);
        };
        slot_of(&account, &keccak256(slot.to_be_bytes::<32>()))
    }

    /// The state after changes, sorted by the hash of the address.
    pub fn apply(&self, changes: &[(B256, AccountChange)]) -> Result<Self, Fault> {
        self.apply_in(&self.space, changes)
    }

    /// `apply`, and the pages that the new state does not contain any more.
    pub fn apply_noting(
        &self,
        changes: &[(B256, AccountChange)],
    ) -> Result<(Self, Replaced), Fault> {
        let replaced = Arc::new(Mutex::new(Replaced::new()));
        let space = Space { replaced: Some(replaced.clone()), ..self.space.clone() };
        let state = self.apply_in(&space, changes)?;
        let replaced = std::mem::take(
            &mut *replaced.lock().unwrap_or_else(PoisonError::into_inner),
        );
        Ok((state, replaced))
    }

    fn apply_in(
        &self,
        space: &Space,
        changes: &[(B256, AccountChange)],
    ) -> Result<Self, Fault> {
        let made: Result<Vec<Change<Account>>, Fault> = changes
            .iter()
            .map(|(key, change)| Ok((*key, self.changed_account(space, key, change)?)))
            .collect();
        let accounts = trie::update(space, self.accounts.as_ref(), &made?)?;
        Ok(self.with_accounts(accounts))
    }

    /// Gives up pages that the store holds, those read longest ago first, until pages
    /// take `target_bytes`. Only for the newest state.
    pub fn give_up_pages(&self, target_bytes: usize) -> Result<(), Fault> {
        let Some(root) = &self.accounts else {
            return Ok(());
        };
        let mut pages = Vec::new();
        trie::evict::collect(root, &mut pages)?;
        trie::evict::give_up(pages, self.space.source.meter(), target_bytes);
        Ok(())
    }

    fn changed_account(
        &self,
        space: &Space,
        key: &B256,
        change: &AccountChange,
    ) -> Result<Option<Account>, Fault> {
        let mut storage = self.account_at(key)?.and_then(|account| account.storage);
        if change.is_wiped || change.info.is_none() {
            storage.take().map_or(Ok(()), |gone| gone.pin())?;
        }
        let Some((nonce, balance, code_hash)) = change.info else {
            return Ok(None);
        };
        let space = Space { owner: Some(*key), ..space.clone() };
        let slots: Vec<Change<Slot>> = change
            .slots
            .iter()
            .map(|(slot, word)| (*slot, (!word.is_zero()).then_some(Slot::new(*word))))
            .collect();
        let storage = if slots.is_empty() {
            storage
        } else {
            trie::update(&space, storage.as_deref(), &slots)?.map(triomphe::Arc::new)
        };
        Ok(Some(Account { nonce, balance, code_hash, storage }))
    }
}

/// A slot of an account by the hash of its number.
pub fn slot_of(account: &Account, key: &B256) -> Result<U256, Fault> {
    let found = account.storage.as_deref().map_or(Ok(None), |root| root.get(key))?;
    Ok(found.map_or(U256::ZERO, |slot| slot.word()))
}
