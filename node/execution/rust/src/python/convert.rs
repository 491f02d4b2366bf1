//! Between Python's values and ours.

use std::collections::HashMap;

use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyInt};

use super::Usage;
use crate::calls::{Call, Override, Overrides};
use crate::engine::Executed;
use crate::error::Refusal;
use crate::machine::Env;
use crate::rawtx::decode_authorization;

/// number, timestamp, coinbase, gas limit, base fee, prevRandao
pub type EnvTuple = (u64, u64, PyBackedBytes, u64, u64, PyBackedBytes);
/// hash, kind, message
pub type RefusalTuple<'py> = (Bound<'py, PyBytes>, &'static str, String);
/// digest, state root, receipts, gas used, created, validators, touched
pub type ExecutedTuple<'py> = (
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Vec<Bound<'py, PyBytes>>,
    Vec<u64>,
    Vec<Bound<'py, PyBytes>>,
    Option<Vec<Bound<'py, PyBytes>>>,
    Vec<(Bound<'py, PyBytes>, u64, Bound<'py, PyInt>)>,
);
/// sender, to, data, value, gas, gas price, access list, authorizations
pub type CallTuple<'py> = (
    PyBackedBytes,
    Option<PyBackedBytes>,
    PyBackedBytes,
    Bound<'py, PyInt>,
    u64,
    u128,
    Vec<(PyBackedBytes, Vec<Bound<'py, PyInt>>)>,
    Vec<PyBackedBytes>,
);
type Slots<'py> = Vec<(Bound<'py, PyInt>, Bound<'py, PyInt>)>;
/// address, balance, nonce, code, state, state diff
pub type OverrideTuple<'py> = (
    PyBackedBytes,
    Option<Bound<'py, PyInt>>,
    Option<u64>,
    Option<PyBackedBytes>,
    Option<Slots<'py>>,
    Slots<'py>,
);

pub fn hash32(raw: &[u8]) -> PyResult<B256> {
    B256::try_from(raw).map_err(|_| length(32, raw.len()))
}

pub fn address(raw: &[u8]) -> PyResult<Address> {
    Address::try_from(raw).map_err(|_| length(20, raw.len()))
}

fn length(expected: usize, found: usize) -> PyErr {
    PyValueError::new_err(format!("expected {expected} bytes, got {found}"))
}

/// A word as a Python integer.
pub fn word<'py>(py: Python<'py>, word: &U256) -> PyResult<Bound<'py, PyInt>> {
    if let Ok(small) = u128::try_from(*word) {
        return Ok(small.into_pyobject(py)?);
    }
    let bytes = PyBytes::new(py, &word.to_be_bytes::<32>());
    let made = py.get_type::<PyInt>().call_method1("from_bytes", (bytes, "big"))?;
    Ok(made.cast_into::<PyInt>()?)
}

/// A Python integer of at most 256 bits.
pub fn number(value: &Bound<'_, PyInt>) -> PyResult<U256> {
    if let Ok(small) = value.extract::<u128>() {
        return Ok(U256::from(small));
    }
    let bytes = value.call_method1("to_bytes", (32, "big")).map_err(|_| {
        PyOverflowError::new_err("a word has at most 256 bits and no sign")
    })?;
    let bytes: PyBackedBytes = bytes.extract()?;
    Ok(U256::from_be_slice(&bytes))
}

pub fn env(tuple: &EnvTuple) -> PyResult<Env> {
    let (number, timestamp, coinbase, gas_limit, base_fee, prev_randao) = tuple;
    Ok(Env {
        number: *number,
        timestamp: *timestamp,
        coinbase: address(coinbase)?,
        gas_limit: *gas_limit,
        base_fee: *base_fee,
        prev_randao: hash32(prev_randao)?,
    })
}

pub fn refusal<'py>(py: Python<'py>, raw: &[u8], why: &Refusal) -> RefusalTuple<'py> {
    let hash = PyBytes::new(py, keccak256(raw).as_slice());
    (hash, why.kind.word(), why.message.clone())
}

pub fn executed<'py>(py: Python<'py>, done: &Executed) -> PyResult<ExecutedTuple<'py>> {
    let bytes = |raw: &[u8]| PyBytes::new(py, raw);
    let touched = done.touched.iter().map(|(at, nonce, balance)| {
        Ok((bytes(at.as_slice()), *nonce, word(py, balance)?))
    });
    let created = done.created.iter().map(|created| match created {
        Some(address) => bytes(address.as_slice()),
        None => bytes(&[]),
    });
    let set = done.validators.as_ref();
    Ok((
        bytes(done.digest.as_slice()),
        bytes(done.state_root.as_slice()),
        done.receipts.iter().map(|receipt| bytes(receipt)).collect(),
        done.gas_used.clone(),
        created.collect(),
        set.map(|set| set.iter().map(|at| bytes(at.as_slice())).collect()),
        touched.collect::<PyResult<_>>()?,
    ))
}

pub fn call(tuple: CallTuple<'_>) -> PyResult<Call> {
    let (sender, to, data, value, gas, gas_price, listed, authorizations) = tuple;
    let mut access_list = AccessList::default();
    for (at, slots) in listed {
        let to_key = |slot: &Bound<'_, PyInt>| number(slot).map(B256::from);
        let storage_keys = slots.iter().map(to_key).collect::<PyResult<_>>()?;
        access_list.0.push(AccessListItem { address: address(&at)?, storage_keys });
    }
    let decode = |raw: &PyBackedBytes| {
        decode_authorization(raw).map_err(|error| {
            Usage::new_err(format!("authorization is not decodable: {error}"))
        })
    };
    Ok(Call {
        sender: address(&sender)?,
        to: to.as_deref().map(address).transpose()?,
        data: Bytes::copy_from_slice(&data),
        value: number(&value)?,
        gas,
        gas_price,
        access_list,
        authorizations: authorizations.iter().map(decode).collect::<PyResult<_>>()?,
    })
}

pub fn overrides(given: Vec<OverrideTuple<'_>>) -> PyResult<Overrides> {
    let slots = |slots: Slots<'_>| -> PyResult<HashMap<U256, U256>> {
        slots.iter().map(|(slot, word)| Ok((number(slot)?, number(word)?))).collect()
    };
    let one = |(at, balance, nonce, code, state, diff): OverrideTuple<'_>| {
        let change = Override {
            balance: balance.as_ref().map(number).transpose()?,
            nonce,
            code: code.map(|code| Bytes::copy_from_slice(&code)),
            state: state.map(slots).transpose()?,
            diff: slots(diff)?,
        };
        Ok((address(&at)?, change))
    };
    given.into_iter().map(one).collect()
}
