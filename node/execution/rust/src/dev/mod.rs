//! The engine of a dev chain: in memory, obedient, and able to go back.
//!
//! It builds and executes like the engine of a node (`propose::Chain`), edits accounts by
//! decree, returns to any earlier state, changes its chain id and takes transactions that
//! bear a mark in the place of a signature. The contract is `node/execution/dev.py`.

pub mod edit;
mod layers;
mod mark;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use serde_json::Value;

use crate::calls::Overrides;
use crate::database::{Changes, Name};
use crate::engine::{
    Executed, Pending, Version, extra_data, keep_latest, read_validators,
    validators_after,
};
use crate::error::{Fault, Trouble};
use crate::genesis::first_state;
use crate::header::Header;
use crate::propose::Chain;
use crate::state::{Account, State};
use crate::store::{Position, Store, decode_code};
use crate::tx::Checker;
use layers::Layers;

/// See the module's comment. Calls that change anything come one at a time.
pub struct DevEngine {
    store: Arc<Store>,
    checker: Arc<Checker>,
    inner: Mutex<Inner>,
}

struct Inner {
    layers: Layers,
    pending: Vec<Pending>,
}

/// An account as a dump shows it; slots ascend.
pub struct Dumped {
    pub address: Address,
    pub nonce: u64,
    pub balance: U256,
    pub code: Bytes,
    pub slots: Vec<(U256, U256)>,
}

impl DevEngine {
    /// Begins with the genesis. `header` is the genesis block's, in RLP.
    pub fn new(genesis: &Value, header: &[u8]) -> Result<Self, Trouble> {
        let header = Header::decode(header).map_err(Trouble::Usage)?;
        let chain_id = genesis["config"]["chainId"].as_u64();
        let chain_id =
            chain_id.ok_or_else(|| Trouble::Usage("genesis: no chain id".into()))?;
        let store = Arc::new(Store::of_code());
        let first =
            first_state(&genesis["alloc"], &State::empty(store.clone(), false))?;
        if first.state.root() != header.inner.state_root {
            let message = "the genesis state does not have its header's root";
            return Err(Trouble::Usage(message.into()));
        }
        let mut changes =
            Changes { names: names_of(&genesis["alloc"]), ..Changes::default() };
        for (hash, code) in first.codes {
            changes.codes.push((hash, decode_code(code)?));
        }
        let validators = read_validators(&first.state)?;
        let ancestors = vec![header.digest];
        let version = Version {
            extra_data: extra_data(validators.as_deref(), &header.inner.extra_data),
            validators,
            position: Position { number: 0, digest: header.digest, ancestors },
            state: first.state,
            change_count: 0,
            replaced: Mutex::default(),
        };
        let layers = Layers::new(store.clone(), version, changes);
        Ok(Self {
            store,
            checker: Arc::new(Checker::with_unsigned(chain_id, mark::check_marked)),
            inner: Mutex::new(Inner { layers, pending: Vec::new() }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest committed block and its state, edits included.
    pub fn head(&self) -> Result<Arc<Version>, Fault> {
        self.lock().layers.head()
    }

    /// Makes an executed block the head. Committing a committed block does nothing.
    pub fn commit(&self, digest: &B256) -> Result<(), Trouble> {
        let mut inner = self.lock();
        let found =
            inner.pending.iter().position(|kept| kept.executed.digest == *digest);
        let Some(at) = found else {
            return match inner.layers.contains(digest) {
                true => Ok(()),
                false => Err(Trouble::Unknown(*digest)),
            };
        };
        if inner.pending[at].parent != inner.layers.head()?.position.digest {
            let number = inner.pending[at].version.position.number;
            let message = format!("block {number} does not follow the committed head");
            return Err(Fault::new(message).into());
        }
        let Pending { version, changes, hashes, .. } = inner.pending.swap_remove(at);
        inner.pending.clear();
        // Nothing is ever written or given up here: pages need not be known.
        let replaced =
            version.replaced.lock().map(|mut pages| std::mem::take(&mut *pages));
        drop(replaced);
        inner.layers.push(version, changes);
        self.checker.forget(&hashes);
        Ok(())
    }

    /// Forgets an executed block; an unknown one is nothing to forget.
    pub fn discard(&self, digest: &B256) {
        self.lock().pending.retain(|kept| kept.executed.digest != *digest);
    }

    /// Changes accounts in the newest state; blocks that wait are forgotten.
    pub fn edit(&self, edits: &Overrides) -> Result<(), Fault> {
        let mut inner = self.lock();
        let head = inner.layers.head()?;
        let (state, changes) = edit::edited(&head.state, edits)?;
        let version = Version {
            position: head.position.clone(),
            validators: validators_after(&head, &state)?,
            extra_data: head.extra_data.clone(),
            state,
            change_count: changes.count(),
            replaced: Mutex::default(),
        };
        inner.pending.clear();
        inner.layers.push(Arc::new(version), changes);
        Ok(())
    }

    /// The newest state as something to come back to.
    pub fn mark(&self) -> usize {
        self.lock().layers.len()
    }

    /// Makes a marked state the newest; later marks are void.
    pub fn rewind(&self, mark: usize) -> Result<(), Fault> {
        let mut inner = self.lock();
        inner.pending.clear();
        inner.layers.cut(mark)?;
        // Transactions that were checked are forgotten, so that a reset leaves nothing.
        self.checker.set_chain_id(self.checker.chain_id());
        Ok(())
    }

    /// From now on transactions are for this chain, and CHAINID says so.
    pub fn set_chain_id(&self, chain_id: u64) {
        self.checker.set_chain_id(chain_id);
    }

    /// How much is held: layers, names, codes. Going back gives all of it up.
    pub fn held(&self) -> (usize, usize, usize) {
        let layers = &self.lock().layers;
        (layers.len(), layers.name_count(), self.store.fresh_code_count())
    }

    /// Every account of the newest state, by address.
    pub fn dump(&self) -> Result<Vec<Dumped>, Fault> {
        let inner = self.lock();
        let head = inner.layers.head()?;
        let mut found = Vec::new();
        if let Some(root) = &head.state.accounts {
            root.for_each(&mut |key, account| {
                found.push(self.dumped(&inner.layers, key, account)?);
                Ok(())
            })?;
        }
        found.sort_unstable_by_key(|account: &Dumped| account.address);
        Ok(found)
    }

    fn dumped(
        &self,
        layers: &Layers,
        key: &B256,
        account: &Account,
    ) -> Result<Dumped, Fault> {
        let Name::Account(address) = layers.name(key)? else {
            return Err(Fault::new("the hash of an account is that of a slot"));
        };
        let code = match account.code_hash {
            KECCAK256_EMPTY => Bytes::new(),
            hash => self.store.code(&hash)?.original_bytes(),
        };
        let mut slots = Vec::new();
        if let Some(storage) = account.storage.as_deref() {
            storage.for_each(&mut |hash, word| {
                match layers.name(hash)? {
                    Name::Slot(slot) => slots.push((slot, word.word())),
                    Name::Account(_) => {
                        return Err(Fault::new("the hash of a slot is an account's"));
                    }
                }
                Ok(())
            })?;
        }
        slots.sort_unstable();
        let (nonce, balance) = (account.nonce, account.balance);
        Ok(Dumped { address, nonce, balance, code, slots })
    }
}

impl Chain for DevEngine {
    fn store(&self) -> &Arc<Store> {
        &self.store
    }

    fn checker(&self) -> &Arc<Checker> {
        &self.checker
    }

    fn version(&self, digest: &B256) -> Result<Arc<Version>, Trouble> {
        self.lock().layers.version(digest)
    }

    fn pending(&self, digest: &B256) -> Option<Arc<Executed>> {
        let inner = self.lock();
        let found = inner.pending.iter().find(|kept| kept.executed.digest == *digest);
        found.map(|kept| kept.executed.clone())
    }

    fn keep(&self, pending: Pending) {
        let mut inner = self.lock();
        // A dev chain always has a state; without one nothing could be built.
        let head = inner.layers.head().map_or(0, |head| head.position.number);
        keep_latest(&mut inner.pending, pending, head);
    }
}

/// What the hashes in the genesis state are of; `first_state` has checked the form.
fn names_of(alloc: &Value) -> Vec<(B256, Name)> {
    let mut names = Vec::new();
    for (address, account) in alloc.as_object().into_iter().flatten() {
        if let Ok(address) = address.parse::<Address>() {
            names.push((keccak256(address), Name::Account(address)));
        }
        let storage = account.get("storage").and_then(Value::as_object);
        for slot in
            storage.into_iter().flatten().filter_map(|(slot, _)| slot.parse().ok())
        {
            let slot: U256 = slot;
            names.push((keccak256(slot.to_be_bytes::<32>()), Name::Slot(slot)));
        }
    }
    names
}
