//! A small chain for the tests: a genesis with a validator set, a counter contract and
//! senders with keys; blocks are built by the engine itself.

#![allow(dead_code)]

use std::sync::Arc;
use std::time::Duration;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{
    Address, B256, Bytes, Signature, TxKind, U256, address, keccak256,
};
use chandlery_native::engine::{Engine, Settings};
use chandlery_native::genesis::first_state;
use chandlery_native::header::{Block, Header};
use chandlery_native::machine::Env;
use chandlery_native::propose::{Built, Chain as _, Limits};
use chandlery_native::state::State;
use chandlery_native::store::Store;
use chandlery_native::trie::EMPTY_ROOT;
use redb::StorageBackend;
use secp256k1::{Message, SECP256K1, SecretKey};
use serde_json::{Value, json};

pub const CHAIN_ID: u64 = 7001;
/// Writes CALLDATALOAD(32) to slot CALLDATALOAD(0).
pub const STORE: Address = address!("0x00000000000000000000000000000000000000aa");
const STORE_CODE: &str = "0x6020356000355500";
pub const GAS_LIMIT: u64 = 30_000_000;

pub fn key(number: u8) -> SecretKey {
    SecretKey::from_byte_array(keccak256([number]).0).unwrap()
}

pub fn sender(number: u8) -> Address {
    let public = key(number).public_key(SECP256K1).serialize_uncompressed();
    Address::from_raw_public_key(&public[1..])
}

/// A signed call of EIP-1559.
pub fn signed(number: u8, tx: TxEip1559) -> Vec<u8> {
    let hash = tx.signature_hash();
    let message = Message::from_digest(hash.0);
    let signature = SECP256K1.sign_ecdsa_recoverable(message, &key(number));
    let (id, bytes) = signature.serialize_compact();
    let signature = Signature::from_bytes_and_parity(&bytes, i32::from(id) == 1);
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718()
}

pub fn transfer(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 200_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(address!("0x00000000000000000000000000000000000000bb")),
        value: U256::from(1),
        access_list: Default::default(),
        input: Bytes::new(),
    }
}

pub fn store(number: u8, nonce: u64, slot: u64, word: u64) -> Vec<u8> {
    let words = [B256::from(U256::from(slot)), B256::from(U256::from(word))];
    let tx = TxEip1559 {
        to: TxKind::Call(STORE),
        value: U256::ZERO,
        input: words.concat().into(),
        ..transfer(nonce)
    };
    signed(number, tx)
}

pub fn genesis() -> Value {
    genesis_with(0)
}

/// A genesis whose contract holds slots 1,000 and on already.
pub fn genesis_with(slots: u64) -> Value {
    let slot = |at: u64| (format!("0x{:x}", 1_000 + at), json!("0x7"));
    let storage: serde_json::Map<_, _> = (0..slots).map(slot).collect();
    let mut alloc = serde_json::Map::new();
    for number in 0..4 {
        alloc.insert(
            sender(number).to_string(),
            json!({"balance": "0x56bc75e2d63100000000"}),
        );
    }
    alloc.insert(STORE.to_string(), json!({"code": STORE_CODE, "storage": storage}));
    alloc.insert(
        "0x0000000000000000000000000000000000007101".into(),
        json!({"storage": {"0x0": "0x1", "0x1": "0x1234"}, "nonce": "0x1"}),
    );
    json!({"config": {"chainId": CHAIN_ID}, "alloc": alloc})
}

pub fn genesis_header() -> Vec<u8> {
    header_of(&genesis())
}

pub fn header_of(genesis: &Value) -> Vec<u8> {
    let store = Arc::new(Store::open(None).unwrap());
    let first = first_state(&genesis["alloc"], &State::empty(store, false)).unwrap();
    let header = alloy_consensus::Header {
        state_root: first.state.root(),
        gas_limit: GAS_LIMIT,
        base_fee_per_gas: Some(1_000_000_000),
        withdrawals_root: Some(EMPTY_ROOT),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(alloy_eips::eip7685::EMPTY_REQUESTS_HASH),
        ..Default::default()
    };
    alloy_rlp::encode(header)
}

/// Checkpoints only when asked for.
pub fn settings() -> Settings {
    Settings { checkpoint_blocks: 1_000_000, ..Settings::default() }
}

pub struct Chain {
    pub engine: Arc<Engine>,
    pub header: Vec<u8>,
    pub blocks: Vec<Vec<u8>>,
}

impl Chain {
    pub fn on(backend: impl StorageBackend, settings: Settings) -> Self {
        Self::of(backend, &genesis(), settings)
    }

    pub fn of(
        backend: impl StorageBackend,
        genesis: &Value,
        settings: Settings,
    ) -> Self {
        let store = Store::on(backend).unwrap();
        let header = header_of(genesis);
        let engine = Engine::with_store(store, genesis, &header, settings).unwrap();
        Self { engine: Arc::new(engine), header, blocks: Vec::new() }
    }

    pub fn new(settings: Settings) -> Self {
        Self::on(redb::backends::InMemoryBackend::new(), settings)
    }

    pub fn env(&self) -> Env {
        let parent = Header::decode(&self.header).unwrap();
        Env {
            number: parent.inner.number + 1,
            timestamp: parent.inner.timestamp,
            coinbase: Address::repeat_byte(9),
            gas_limit: GAS_LIMIT,
            base_fee: 1_000_000_000,
            prev_randao: parent.digest,
        }
    }

    pub fn build(&self, raws: &[Vec<u8>]) -> Built {
        let raws: Vec<&[u8]> = raws.iter().map(Vec::as_slice).collect();
        let limits =
            Limits { gas: GAS_LIMIT, bytes: 1 << 20, time: Duration::from_secs(60) };
        self.engine.build(&self.header, self.env(), &raws, &limits).unwrap()
    }

    /// Commits a block that must hold all of them.
    pub fn add(&mut self, raws: &[Vec<u8>]) -> B256 {
        let built = self.build(raws);
        assert_eq!(built.included.len(), raws.len(), "{:?}", built.refused);
        self.commit(built.block, built.executed.digest)
    }

    pub fn commit(&mut self, block: Vec<u8>, digest: B256) -> B256 {
        self.engine.commit(&digest).unwrap();
        self.header = alloy_rlp::encode(&Block::decode(&block).unwrap().header.inner);
        self.blocks.push(block);
        digest
    }
}

/// Blocks that write, overwrite and clear slots, from a chain of its own.
pub fn sample_blocks(count: u64) -> Vec<Vec<u8>> {
    let mut chain = Chain::new(settings());
    for block in 0..count {
        let writes = (0..12)
            .map(|at| store(0, block * 12 + at, (block * 7 + at) % 90, block % 5));
        let raws: Vec<_> = writes.collect();
        chain.add(&raws);
    }
    chain.blocks
}
