//! Transactions that nobody signed: a mark in the place of a signature, and the sender in
//! that of r (`node/execution/dev.py`).

use std::sync::{Arc, LazyLock};

use alloy_primitives::{Address, B256, U256, keccak256};
use revm::context::TxEnv;

use crate::error::{Kind, Refusal};
use crate::rawtx::decode;
use crate::tx::{Checked, Tx, check_unsigned, refuse};

/// Below half of the curve's order, so that the form of a signature is kept.
static MARK: LazyLock<U256> =
    LazyLock::new(|| U256::from_be_bytes(keccak256("chandlery/impersonated/1").0) >> 2);

/// A marked transaction checked; none for bytes without the mark.
pub fn check_marked(raw: &[u8]) -> Option<Checked> {
    raw.ends_with(&MARK.to_be_bytes::<32>()).then(|| check(raw).map(Arc::new))
}

fn check(raw: &[u8]) -> Result<Tx, Refusal> {
    let fields = decode(raw)?;
    if fields.s != *MARK || fields.r.bit_len() > 160 {
        return refuse(Kind::BadSignature, "the mark is not at its place");
    }
    check_unsigned(&fields.env)?;
    let caller = Address::from_word(B256::from(fields.r));
    Ok(Tx::sent(raw, TxEnv { caller, ..fields.env }, true))
}
