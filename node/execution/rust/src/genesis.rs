//! The first state, from the `alloc` of a genesis file (`node/chain/genesis.py`).

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use serde_json::Value;

use crate::error::Trouble;
use crate::state::{AccountChange, State};

/// The state of an allocation, and the code in it.
pub struct First {
    pub state: State,
    pub codes: Vec<(B256, Bytes)>,
}

/// Builds the state from JSON: {address: {balance, nonce, code, storage}}, numbers as hex
/// or decimal strings.
pub fn first_state(alloc: &Value, empty: &State) -> Result<First, Trouble> {
    let accounts =
        alloc.as_object().ok_or_else(|| wrong("`alloc` is not an object"))?;
    let mut changes = Vec::with_capacity(accounts.len());
    let mut codes = Vec::new();
    for (address, account) in accounts {
        let at: Address =
            address.parse().map_err(|_| wrong(&format!("address {address}")))?;
        let field = |name: &str| match account.get(name) {
            None => Ok(U256::ZERO),
            Some(value) => number(value, &format!("{name} of {address}")),
        };
        let code: Bytes = match account.get("code").and_then(Value::as_str) {
            None => Bytes::new(),
            Some(text) => {
                text.parse().map_err(|_| wrong(&format!("code of {address}")))?
            }
        };
        let code_hash =
            if code.is_empty() { KECCAK256_EMPTY } else { keccak256(&code) };
        let nonce = field("nonce")?.saturating_to();
        let info = (nonce, field("balance")?, code_hash);
        let slots = slots_of(account.get("storage"), address)?;
        if !code.is_empty() {
            codes.push((code_hash, code));
        }
        let change = AccountChange { info: Some(info), is_wiped: true, slots };
        changes.push((keccak256(at), change));
    }
    changes.sort_unstable_by_key(|entry| entry.0);
    let state = empty.apply(&changes)?;
    Ok(First { state, codes })
}

fn slots_of(
    storage: Option<&Value>,
    address: &str,
) -> Result<Vec<(B256, U256)>, Trouble> {
    let Some(storage) = storage else {
        return Ok(Vec::new());
    };
    let storage = storage.as_object();
    let storage = storage.ok_or_else(|| wrong(&format!("storage of {address}")))?;
    let mut slots = Vec::with_capacity(storage.len());
    for (slot, word) in storage {
        let name = format!("slot {slot} of {address}");
        let slot: U256 = slot.parse().map_err(|_| wrong(&name))?;
        let word = number(word, &name)?;
        if !word.is_zero() {
            slots.push((keccak256(slot.to_be_bytes::<32>()), word));
        }
    }
    slots.sort_unstable_by_key(|entry| entry.0);
    Ok(slots)
}

fn number(value: &Value, name: &str) -> Result<U256, Trouble> {
    let parsed = match value {
        Value::String(text) if text == "0x" => Some(U256::ZERO),
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64().map(U256::from),
        _ => None,
    };
    parsed.ok_or_else(|| wrong(name))
}

fn wrong(what: &str) -> Trouble {
    Trouble::Usage(format!("genesis: {what} is not what it should be"))
}
