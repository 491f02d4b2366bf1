//! The engine of a dev chain: edits, and the way back.

mod common;

use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use chandlery_native::calls::{Override, Overrides};
use chandlery_native::dev::DevEngine;
use chandlery_native::error::Trouble;
use chandlery_native::header::{Block, Header};
use chandlery_native::machine::Env;
use chandlery_native::propose::{Chain as _, Limits};
use common::{GAS_LIMIT, STORE, genesis, genesis_header, store};

const AT: Address = Address::repeat_byte(0x77);

fn engine() -> DevEngine {
    DevEngine::new(&genesis(), &genesis_header()).unwrap()
}

fn edit(engine: &DevEngine, at: Address, change: Override) {
    engine.edit(&Overrides::from([(at, change)])).unwrap();
}

fn balance(engine: &DevEngine, at: Address) -> U256 {
    let head = engine.head().unwrap();
    head.state.account(&at).unwrap().unwrap_or_default().balance
}

/// A committed block on a parent; its header.
fn add(engine: &DevEngine, parent: &[u8], raws: &[Vec<u8>]) -> Vec<u8> {
    let header = Header::decode(parent).unwrap();
    let env = Env {
        number: header.inner.number + 1,
        timestamp: header.inner.timestamp,
        coinbase: Address::repeat_byte(9),
        gas_limit: GAS_LIMIT,
        base_fee: 1_000_000_000,
        prev_randao: B256::ZERO,
    };
    let raws: Vec<&[u8]> = raws.iter().map(Vec::as_slice).collect();
    let limits =
        Limits { gas: GAS_LIMIT, bytes: 1 << 20, time: Duration::from_secs(60) };
    let built = engine.build(parent, env, &raws, &limits).unwrap();
    assert_eq!(built.included.len(), raws.len(), "{:?}", built.refused);
    engine.commit(&built.executed.digest).unwrap();
    alloy_rlp::encode(&Block::decode(&built.block).unwrap().header.inner)
}

#[test]
fn an_edit_is_seen_and_going_back_undoes_it_with_all_it_brought() {
    let engine = engine();
    let (mark, held) = (engine.mark(), engine.held());
    let code = Some(vec![0x5f, 0x5f, 0xfd].into());
    let change = Override { balance: Some(U256::from(5)), code, ..Default::default() };
    edit(&engine, AT, change);
    assert_eq!(balance(&engine, AT), U256::from(5));
    assert!(engine.held() > held);
    engine.rewind(mark).unwrap();
    assert_eq!(balance(&engine, AT), U256::ZERO);
    assert_eq!(engine.held(), held);
}

#[test]
fn blocks_are_taken_off_and_their_states_are_gone() {
    let engine = engine();
    let genesis = genesis_header();
    let mark = engine.mark();
    let before = engine.dump().unwrap().len();
    let first = add(&engine, &genesis, &[store(0, 0, 3, 4)]);
    let digest = Header::decode(&first).unwrap().digest;
    let head = engine.version(&digest).unwrap();
    assert_eq!(head.state.slot(&STORE, &U256::from(3)).unwrap(), U256::from(4));
    engine.rewind(mark).unwrap();
    assert!(matches!(engine.version(&digest), Err(Trouble::Unknown(_))));
    assert_eq!(engine.dump().unwrap().len(), before);
    assert_eq!(add(&engine, &genesis, &[store(0, 0, 3, 4)]), first);
}

#[test]
fn a_state_far_below_is_made_again_from_what_was_replaced() {
    let engine = engine();
    let mut header = genesis_header();
    let mut marks = Vec::new();
    for nonce in 0..1_100 {
        marks.push((engine.mark(), engine.head().unwrap().state.root()));
        header = add(&engine, &header, &[store(0, nonce, nonce % 50, nonce)]);
    }
    for (mark, root) in marks.into_iter().rev().step_by(100) {
        engine.rewind(mark).unwrap();
        assert_eq!(engine.head().unwrap().state.root(), root);
    }
}

#[test]
fn an_account_without_anything_is_removed() {
    let engine = engine();
    let root = engine.head().unwrap().state.root();
    let slot = |word: u64| Override {
        diff: [(U256::ONE, U256::from(word))].into(),
        ..Default::default()
    };
    edit(&engine, AT, slot(7));
    assert_ne!(engine.head().unwrap().state.root(), root);
    edit(&engine, AT, slot(0));
    assert_eq!(engine.head().unwrap().state.root(), root);
}
