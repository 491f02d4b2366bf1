//! Accounts changed by decree, as changes that can be undone like those of a block.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use revm::bytecode::Bytecode;

use crate::calls::{Override, Overrides};
use crate::database::{Changes, Name};
use crate::error::Fault;
use crate::state::{Account, AccountChange, State, slot_of};
use crate::store::decode_code;

/// The state after the edits, and what they changed. An account that is left without
/// nonce, balance, code and storage is removed.
pub fn edited(state: &State, edits: &Overrides) -> Result<(State, Changes), Fault> {
    let mut changes = Changes::default();
    for (address, edit) in edits {
        add(state, address, edit, &mut changes)?;
    }
    changes.after.sort_unstable_by_key(|entry| entry.0);
    changes.before.sort_unstable_by_key(|entry| entry.0);
    let state = state.apply(&changes.after)?;
    let mut gone = Vec::new();
    for (key, _) in &changes.after {
        let account = state.account_at(key)?;
        let is_nothing =
            |account: &Account| account.is_empty() && account.storage.is_none();
        if account.is_some_and(|account| is_nothing(&account)) {
            gone.push((*key, AccountChange::default()));
        }
    }
    Ok((if gone.is_empty() { state } else { state.apply(&gone)? }, changes))
}

fn add(
    state: &State,
    address: &Address,
    edit: &Override,
    changes: &mut Changes,
) -> Result<(), Fault> {
    let key = keccak256(address);
    let old = state.account_at(&key)?;
    let base = old.clone().unwrap_or_default();
    let code_hash = match &edit.code {
        None => base.code_hash,
        Some(code) if code.is_empty() => KECCAK256_EMPTY,
        Some(code) => {
            let hash = keccak256(code);
            changes.codes.push((hash, any_code(code.clone())));
            hash
        }
    };
    let is_wiped = edit.state.is_some();
    let mut after = AccountChange {
        info: Some((
            edit.nonce.unwrap_or(base.nonce),
            edit.balance.unwrap_or(base.balance),
            code_hash,
        )),
        is_wiped,
        slots: Vec::new(),
    };
    let mut before = AccountChange {
        info: old.as_ref().map(|old| (old.nonce, old.balance, old.code_hash)),
        is_wiped: is_wiped || old.is_none(),
        slots: Vec::new(),
    };
    for (slot, word) in wanted(edit) {
        let hash = keccak256(slot.to_be_bytes::<32>());
        let was = if is_wiped { U256::ZERO } else { slot_of(&base, &hash)? };
        if word != was {
            after.slots.push((hash, word));
            before.slots.push((hash, was));
            changes.names.push((hash, Name::Slot(slot)));
        }
    }
    if is_wiped {
        before.slots = all_slots(&base)?;
    }
    after.slots.sort_unstable_by_key(|entry| entry.0);
    before.slots.sort_unstable_by_key(|entry| entry.0);
    changes.names.push((key, Name::Account(*address)));
    changes.after.push((key, after));
    changes.before.push((key, before));
    Ok(())
}

fn wanted(edit: &Override) -> BTreeMap<U256, U256> {
    let all = edit.state.iter().flatten().chain(&edit.diff);
    all.map(|(slot, word)| (*slot, *word)).collect()
}

fn all_slots(account: &Account) -> Result<Vec<(B256, U256)>, Fault> {
    let mut slots = Vec::new();
    if let Some(storage) = account.storage.as_deref() {
        storage.for_each(&mut |hash, word| {
            slots.push((*hash, word.word()));
            Ok(())
        })?;
    }
    Ok(slots)
}

/// Code as the EVM runs it; what looks like a broken delegation is run as it is.
fn any_code(code: Bytes) -> Bytecode {
    decode_code(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code))
}
