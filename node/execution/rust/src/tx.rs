//! Transactions: the checks that need no state, and senders in bulk.
//!
//! The order of the checks is part of the contract, so that both executors name the same
//! reason: `node/execution/validation.py` has the list. What needs the state is checked by
//! `block::Execution` before the transaction runs.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use alloy_consensus::crypto::secp256k1::recover_signer;
use alloy_primitives::{Address, B256, Bytes, Signature, U256, keccak256, uint};
use rayon::prelude::*;
use revm::context::TxEnv;
use revm::context_interface::cfg::GasParams;
use revm::primitives::hardfork::SpecId;

use crate::error::{Kind, Refusal};
use crate::phases::{Phase, Span};
use crate::rawtx::{Fields, decode};

/// Of the curve secp256k1, and half of it: the upper bounds of r and s (EIP-2).
const ORDER: U256 =
    uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
const HALF_ORDER: U256 =
    uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);
/// EIP-3860.
const MAX_INITCODE_BYTES: usize = 49_152;
/// Transactions kept with their senders between admission and execution.
const CACHED_TRANSACTIONS: usize = 65_536;
/// Bytes of cached transactions, at most.
const CACHED_BYTES: usize = 64 << 20;
/// Transactions whose bytes are gone but whose senders are still known.
const KNOWN_SENDERS: usize = 65_536;
/// Signatures from which on the thread pool is worth its cost.
const PARALLEL_SIGNATURES: usize = 64;

/// A transaction that could be in a block, as far as its bytes tell.
#[derive(Debug)]
pub struct Tx {
    pub hash: B256,
    pub raw: Bytes,
    pub env: TxEnv,
    /// value + gas limit * max fee, in wei.
    pub max_cost: U256,
    /// Sent by decree on a dev chain: a contract may be the sender.
    pub is_impersonated: bool,
}

impl Tx {
    /// A transaction whose sender, `env.caller`, is known.
    pub fn sent(raw: &[u8], env: TxEnv, is_impersonated: bool) -> Self {
        let max_cost = max_cost(&env).unwrap_or(U256::MAX);
        let raw = Bytes::copy_from_slice(raw);
        Self { hash: keccak256(&raw), raw, env, max_cost, is_impersonated }
    }

    pub fn sender(&self) -> Address {
        self.env.caller
    }
}

pub type Checked = Result<Arc<Tx>, Refusal>;

/// Decodes and checks one transaction and recovers its sender.
pub fn check(raw: &[u8], chain_id: u64) -> Result<Tx, Refusal> {
    recover(raw, check_fields(raw, chain_id)?)
}

/// Decodes one transaction and checks all but who signed it.
fn check_fields(raw: &[u8], chain_id: u64) -> Result<Fields, Refusal> {
    let fields = decode(raw)?;
    check_signature(&fields, chain_id)?;
    check_unsigned(&fields.env)?;
    Ok(fields)
}

/// The rules beyond the signature.
pub fn check_unsigned(env: &TxEnv) -> Result<(), Refusal> {
    check_numbers(env)?;
    check_gas(env, SpecId::PRAGUE).map(|_| ())
}

pub fn refuse<T>(kind: Kind, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(kind, message))
}

fn check_signature(fields: &Fields, chain_id: u64) -> Result<(), Refusal> {
    if fields.env.tx_type == 0 && matches!(fields.v, 27 | 28) {
        let message =
            format!("a legacy transaction without a chain id: sign for {chain_id}");
        return refuse(Kind::Unprotected, message);
    }
    match fields.env.chain_id {
        None => return refuse(Kind::BadSignature, format!("v is {}", fields.v)),
        Some(id) if id != chain_id => {
            return refuse(
                Kind::WrongChain,
                format!("chain id {id}, this chain is {chain_id}"),
            );
        }
        Some(_) => {}
    }
    if fields.env.tx_type != 0 && fields.v > 1 {
        return refuse(Kind::BadSignature, format!("y parity is {}", fields.v));
    }
    check_range(fields)
}

fn check_range(fields: &Fields) -> Result<(), Refusal> {
    let is_in_range = |number: U256, limit: U256| !number.is_zero() && number <= limit;
    if !is_in_range(fields.r, ORDER - U256::ONE) || !is_in_range(fields.s, HALF_ORDER) {
        return refuse(Kind::BadSignature, "r or s is out of range");
    }
    Ok(())
}

/// The sender and the intrinsic gas of a transaction of Cancun, for the public vectors:
/// an unprotected one passes too, and the floor of EIP-7623 does not count.
pub fn inspect(raw: &[u8], chain_id: u64) -> Result<(Address, u64), Refusal> {
    let fields = decode(raw)?;
    match check_signature(&fields, chain_id) {
        Err(refusal) if refusal.kind == Kind::Unprotected => check_range(&fields)?,
        checked => checked?,
    }
    check_numbers(&fields.env)?;
    let gas = check_gas(&fields.env, SpecId::CANCUN)?;
    Ok((recover(raw, fields)?.sender(), gas))
}

/// Recovers who signed.
pub fn recover(raw: &[u8], fields: Fields) -> Result<Tx, Refusal> {
    let signature = Signature::new(fields.r, fields.s, fields.is_odd());
    let sender = recover_signer(&signature, fields.signing_hash)
        .map_err(|_| Refusal::new(Kind::BadSignature, "no key signed this"))?;
    Ok(Tx::sent(raw, TxEnv { caller: sender, ..fields.env }, false))
}

fn max_cost(env: &TxEnv) -> Option<U256> {
    (U256::from(env.gas_limit) * U256::from(env.gas_price)).checked_add(env.value)
}

fn check_numbers(env: &TxEnv) -> Result<(), Refusal> {
    if env.tx_type == 4 && env.authorization_list.is_empty() {
        return refuse(Kind::EmptyAuthorizations, "the authorization list is empty");
    }
    if env.nonce == u64::MAX {
        return refuse(Kind::NonceMax, "the nonce is the last one");
    }
    if env.gas_priority_fee.is_some_and(|priority| priority > env.gas_price) {
        return refuse(
            Kind::PriorityAboveMax,
            "the priority fee is above the maximum fee",
        );
    }
    if env.kind.is_create() && env.data.len() > MAX_INITCODE_BYTES {
        let message = format!("{} bytes; at most {MAX_INITCODE_BYTES}", env.data.len());
        return refuse(Kind::InitcodeTooLarge, message);
    }
    if max_cost(env).is_none() {
        return refuse(Kind::Overflow, "value and gas exceed 256 bits");
    }
    Ok(())
}

/// Whether the gas limit covers what is charged before anything runs; gives that charge.
pub fn check_gas(env: &TxEnv, spec: SpecId) -> Result<u64, Refusal> {
    static PRAGUE: LazyLock<GasParams> =
        LazyLock::new(|| GasParams::new_spec(SpecId::PRAGUE));
    let gas = match spec {
        SpecId::PRAGUE => PRAGUE.initial_tx_gas_for_tx(env, None),
        other => GasParams::new_spec(other).initial_tx_gas_for_tx(env, None),
    };
    let (initial, floor) = (gas.initial_total_gas(), gas.floor_gas());
    if initial > env.gas_limit {
        let message = format!("gas limit {} is below {initial}", env.gas_limit);
        return refuse(Kind::IntrinsicGas, message);
    }
    if spec.is_enabled_in(SpecId::PRAGUE) && floor > env.gas_limit {
        let message =
            format!("gas limit {} is below the data's floor of {floor}", env.gas_limit);
        return refuse(Kind::FloorGas, message);
    }
    Ok(initial)
}

/// Checks transactions, and remembers senders from admission until execution.
pub struct Checker {
    chain_id: AtomicU64,
    /// What is accepted of raw bytes beside transactions that somebody signed.
    unsigned: Option<fn(&[u8]) -> Option<Checked>>,
    threads: Option<rayon::ThreadPool>,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    known: HashMap<B256, Arc<Tx>>,
    order: VecDeque<B256>,
    bytes: usize,
    /// Of what was let go: whoever asks for its receipt asks who sent it.
    senders: HashMap<B256, Address>,
    senders_order: VecDeque<B256>,
}

/// What the cache has of a transaction.
enum Known {
    Whole(Arc<Tx>),
    Sender(Address),
    Nothing,
}

impl Cache {
    fn get(&self, hash: &B256) -> Known {
        match (self.known.get(hash), self.senders.get(hash)) {
            (Some(tx), _) => Known::Whole(tx.clone()),
            (None, Some(sender)) => Known::Sender(*sender),
            (None, None) => Known::Nothing,
        }
    }

    fn forget(&mut self, hash: &B256) {
        let Some(gone) = self.known.remove(hash) else {
            return;
        };
        self.bytes -= gone.raw.len();
        if self.senders.insert(*hash, gone.sender()).is_some() {
            return;
        }
        self.senders_order.push_back(*hash);
        if self.senders_order.len() > KNOWN_SENDERS
            && let Some(oldest) = self.senders_order.pop_front()
        {
            self.senders.remove(&oldest);
        }
    }

    fn add(&mut self, tx: &Arc<Tx>) {
        if self.known.insert(tx.hash, tx.clone()).is_some() {
            return;
        }
        self.order.push_back(tx.hash);
        self.bytes += tx.raw.len();
        while self.order.len() > CACHED_TRANSACTIONS || self.bytes > CACHED_BYTES {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.forget(&oldest);
        }
    }
}

impl Checker {
    /// `threads` above 1 recover large batches in parallel.
    pub fn new(
        chain_id: u64,
        threads: usize,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        let threads = match threads {
            0 | 1 => None,
            many => Some(
                rayon::ThreadPoolBuilder::new()
                    .num_threads(many)
                    .thread_name(|_| "recover".into())
                    .build()?,
            ),
        };
        Ok(Self {
            chain_id: chain_id.into(),
            unsigned: None,
            threads,
            cache: Mutex::default(),
        })
    }

    /// One that lets `unsigned` decide about raw bytes first; one thread.
    pub fn with_unsigned(
        chain_id: u64,
        unsigned: fn(&[u8]) -> Option<Checked>,
    ) -> Self {
        Self {
            chain_id: chain_id.into(),
            unsigned: Some(unsigned),
            threads: None,
            cache: Mutex::default(),
        }
    }

    pub fn chain_id(&self) -> u64 {
        self.chain_id.load(Ordering::Relaxed)
    }

    /// Transactions are for this chain from now on.
    pub fn set_chain_id(&self, chain_id: u64) {
        self.chain_id.store(chain_id, Ordering::Relaxed);
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = Cache::default();
    }

    fn check(&self, raw: &[u8], known: Known) -> Checked {
        if let Known::Whole(tx) = known {
            return Ok(tx);
        }
        if let Some(decided) = self.unsigned.and_then(|unsigned| unsigned(raw)) {
            return decided;
        }
        let fields = check_fields(raw, self.chain_id())?;
        let tx = match known {
            Known::Sender(caller) => {
                Tx::sent(raw, TxEnv { caller, ..fields.env }, false)
            }
            _ => recover(raw, fields)?,
        };
        Ok(Arc::new(tx))
    }

    /// Lets go of transactions that are final: their memory serves the next ones.
    pub fn forget(&self, hashes: &[B256]) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.iter().for_each(|hash| cache.forget(hash));
    }

    /// Runs on the pool, so that everything below uses its threads only.
    pub fn install<T: Send>(&self, run: impl FnOnce() -> T + Send) -> T {
        match &self.threads {
            Some(pool) => pool.install(run),
            None => run(),
        }
    }

    /// Each transaction checked, in the order given.
    pub fn check_all(&self, raws: &[&[u8]]) -> Vec<Checked> {
        let _span = Span::begin(Phase::Recover);
        let hashes: Vec<B256> = raws.iter().map(keccak256).collect();
        let known: Vec<Known> = {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            hashes.iter().map(|hash| cache.get(hash)).collect()
        };
        let is_new: Vec<bool> =
            known.iter().map(|known| matches!(known, Known::Nothing)).collect();
        let one = |(raw, known): (&&[u8], Known)| self.check(raw, known);
        let checked: Vec<Checked> = match &self.threads {
            Some(pool) if raws.len() >= PARALLEL_SIGNATURES => {
                pool.install(|| raws.par_iter().zip(known).map(one).collect())
            }
            _ => raws.iter().zip(known).map(one).collect(),
        };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        for (checked, is_new) in checked.iter().zip(is_new) {
            // One that was let go is final: it is asked for, not waited for.
            if let Ok(tx) = checked
                && is_new
            {
                cache.add(tx);
            }
        }
        checked
    }
}

#[cfg(test)]
#[test]
fn who_sent_what_was_let_go_is_remembered_and_not_recovered() {
    use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
    use alloy_eips::eip2718::Encodable2718;

    let tx = TxEip1559 { chain_id: 7, gas_limit: 60_000, ..TxEip1559::default() };
    let signature = Signature::new(U256::ONE, U256::ONE, false);
    let raw = TxEnvelope::from(tx.into_signed(signature)).encoded_2718();
    let checker = Checker::new(7, 1).expect("one thread");
    let sender =
        |checker: &Checker| checker.check_all(&[&raw]).remove(0).map(|tx| tx.sender());
    let recovered = sender(&checker).expect("a key that signed");
    checker.forget(&[keccak256(&raw)]);
    let mut cache = checker.cache.lock().expect("not poisoned");
    let other = Address::repeat_byte(9);
    assert_eq!(cache.senders.insert(keccak256(&raw), other), Some(recovered));
    drop(cache);
    assert_eq!(sender(&checker).ok(), Some(other));
    // What was known of one chain's transactions says nothing of another's.
    checker.set_chain_id(8);
    assert!(sender(&checker).is_err());
    checker.set_chain_id(7);
    assert_eq!(sender(&checker).ok(), Some(recovered));
}
