//! Reads of one committed state; safe from any thread beside the executor's other work.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};

use crate::database::StateDb;
use crate::engine::Version;
use crate::error::{Fault, Trouble};
use crate::propose::Chain;
use crate::state::{Account, slot_of};
use crate::store::Store;
use crate::trie::proof::prove;
use crate::tx::Checker;

/// A committed state. It shares what it reads with the newest one, and stays valid when
/// that moves on.
pub struct View {
    pub checker: Arc<Checker>,
    store: Arc<Store>,
    pub version: Arc<Version>,
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
        Ok(Self {
            version: chain.version(digest)?,
            checker: chain.checker().clone(),
            store: chain.store().clone(),
            chain_id: chain.checker().chain_id(),
        })
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The state as the EVM reads it.
    pub fn database(&self) -> StateDb<'_> {
        StateDb::new(&self.version.state, self.store(), &self.version.position)
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
