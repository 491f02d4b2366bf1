//! What the checker remembers between admission and execution, and lets go of.

mod common;

use std::sync::{Arc, Weak};

use alloy_consensus::TxEip1559;
use alloy_primitives::keccak256;
use chandlery_native::tx::{Checker, Tx};
use common::{CHAIN_ID, Chain, settings, signed, store, transfer};

fn known(checker: &Checker, raw: &[u8]) -> Arc<Tx> {
    checker.check_all(&[raw]).remove(0).unwrap()
}

fn remembered(checker: &Checker, raw: &[u8]) -> Weak<Tx> {
    Arc::downgrade(&known(checker, raw))
}

#[test]
fn a_commit_lets_go_of_what_is_final_and_nothing_else() {
    let mut chain = Chain::new(settings());
    let checker = chain.engine.checker.clone();
    let raws = [store(0, 0, 1, 11), store(1, 0, 2, 22)];
    let included = remembered(&checker, &raws[0]);
    let waiting = remembered(&checker, &raws[1]);
    let built = chain.build(&raws[..1]);
    let is_recovered_once = included
        .upgrade()
        .is_some_and(|tx| Arc::ptr_eq(&tx, &known(&checker, &raws[0])));
    assert!(is_recovered_once, "executing a block recovers nobody again");
    chain.commit(built.block, built.executed.digest);
    assert!(included.upgrade().is_none(), "a final transaction is still held");
    let again = known(&checker, &raws[0]);
    assert_eq!(again.sender(), common::sender(0));
    assert_eq!(again.hash, keccak256(&raws[0]));
    drop(again);
    assert!(remembered(&checker, &raws[0]).upgrade().is_none(), "it came back to stay");
    let kept = waiting.upgrade().expect("one that waits was let go");
    assert!(Arc::ptr_eq(&kept, &known(&checker, &raws[1])));
}

#[test]
fn what_was_let_go_takes_no_room() {
    let checker = Checker::new(CHAIN_ID, 1).unwrap();
    let first = store(0, 0, 1, 11);
    let waiting = remembered(&checker, &first);
    // 70 MB in all, which is more than may be held.
    for nonce in 0..560 {
        let large = TxEip1559 {
            gas_limit: 10_000_000,
            input: vec![0; 130_000].into(),
            ..transfer(nonce)
        };
        let raw = signed(1, large);
        let passing = remembered(&checker, &raw);
        checker.forget(&[keccak256(&raw)]);
        assert!(passing.upgrade().is_none());
    }
    assert!(waiting.upgrade().is_some(), "it gave way to what was let go");
}
