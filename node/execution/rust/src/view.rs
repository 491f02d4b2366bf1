//! Reads of one committed state; safe from any thread beside the executor's other work.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};

use crate::calls::Overrides;
use crate::database::StateDb;
use crate::dev::edit::edited;
use crate::engine::Version;
use crate::error::{Fault, Trouble};
use crate::propose::Chain;
use crate::state::{Account, slot_of};
use crate::store::{Position, Store};
use crate::trie::proof::prove;
use crate::tx::Checker;

/// A committed state. It shares what it reads with the newest one, and stays valid when
/// that moves on.
pub struct View {
    pub checker: Arc<Checker>,
    store: Arc<Store>,
    pub version: Arc<Version>,
    /// Where the state lies; not that of the version below blocks that nobody made.
    position: Position,
    pub chain_id: u64,
}

/// `eth_getProof` of one account.
pub struct Proof {
    pub account: Account,
    pub account_proof: Vec<Vec<u8>>,
    /// Slot, value, nodes from the root downwards.
    pub storage_proofs: Vec<(U256, U256, Vec<Vec<u8>>)>,
}

impl View {
    pub fn open(chain: &impl Chain, digest: &B256) -> Result<Self, Trouble> {
        let version = chain.version(digest)?;
        Ok(Self {
            position: version.position.clone(),
            version,
            checker: chain.checker().clone(),
            store: chain.store().clone(),
            chain_id: chain.checker().chain_id(),
        })
    }

    /// The same state below further blocks, of which only the hashes are known: from the
    /// one that follows to the newest.
    pub fn followed_by(&self, digests: &[B256]) -> Self {
        let mut position = self.position.clone();
        for digest in digests {
            position = position.followed_by(*digest);
        }
        Self {
            position,
            version: self.version.clone(),
            checker: self.checker.clone(),
            store: self.store.clone(),
            chain_id: self.chain_id,
        }
    }

    /// The root of this state with overrides laid over it.
    pub fn root(&self, overrides: &Overrides) -> Result<B256, Fault> {
        Ok(edited(&self.version.state, overrides)?.0.root())
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The state as the EVM reads it.
    pub fn database(&self) -> StateDb<'_> {
        StateDb::new(&self.version.state, self.store(), &self.position)
    }

    /// An account; one that is not there is empty.
    pub fn account(&self, address: &Address) -> Result<Account, Fault> {
        Ok(self.version.state.account(address)?.unwrap_or_default())
    }

    pub fn code(&self, address: &Address) -> Result<Bytes, Fault> {
        let hash = self.account(address)?.code_hash;
        if hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        Ok(self.store().code(&hash)?.original_bytes())
    }

    pub fn slot(&self, address: &Address, slot: &U256) -> Result<U256, Fault> {
        self.version.state.slot(address, slot)
    }

    /// Proofs of an account and of some of its slots.
    pub fn proof(&self, address: &Address, slots: &[U256]) -> Result<Proof, Fault> {
        let root = self.version.state.accounts.as_ref();
        let account = self.account(address)?;
        let account_proof = prove(root, &keccak256(address))?;
        let one = |slot: &U256| -> Result<(U256, U256, Vec<Vec<u8>>), Fault> {
            let key = keccak256(slot.to_be_bytes::<32>());
            let word = slot_of(&account, &key)?;
            Ok((*slot, word, prove(account.storage.as_deref(), &key)?))
        };
        let storage_proofs = slots.iter().map(one).collect::<Result<_, _>>()?;
        Ok(Proof { account, account_proof, storage_proofs })
    }
}
