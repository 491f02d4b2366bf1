//! One case of the public state tests: a single transaction on a given state.
//!
//! A test aid that runs the same machine, trie and account rules as blocks do, without
//! the parts that a state test leaves out: system calls, the block's gas, chain rules.

use std::sync::Arc;

use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256};
use alloy_rlp::Encodable;
use revm::bytecode::Bytecode;
use revm::context::TxEnv;
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::context_interface::either::Either;
use revm::context_interface::result::EVMError;
use revm::primitives::eip4844::{
    BLOB_BASE_FEE_UPDATE_FRACTION_CANCUN, BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE,
};
use revm::primitives::hardfork::SpecId;
use revm::state::AccountInfo;
use revm::{Database, ExecuteEvm, MainBuilder};
use serde_json::Value;

use crate::database::StateDb;
use crate::error::{Fault, Trouble};
use crate::genesis::first_state;
use crate::machine::{Env, context};
use crate::state::State;
use crate::store::{Checkpoint, Position, Store};

/// (state root, logs hash, reason of a refusal or nothing).
pub fn run(
    pre: &str,
    env: &str,
    tx: &str,
    fork: &str,
) -> Result<(B256, B256, String), Trouble> {
    let (pre, env, tx) = (json(pre)?, json(env)?, json(tx)?);
    let (spec, fraction, max_blobs) = match fork {
        "Cancun" => (SpecId::CANCUN, BLOB_BASE_FEE_UPDATE_FRACTION_CANCUN, 6),
        "Prague" => (SpecId::PRAGUE, BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE, 9),
        other => return Err(Trouble::Usage(format!("unknown fork {other}"))),
    };
    let store = Arc::new(Store::open(None)?);
    let empty = State::empty(store.clone(), false);
    let first = first_state(&pre, &empty)?;
    let position = Position { number: 0, digest: B256::ZERO, ancestors: Vec::new() };
    let checkpoint = Checkpoint {
        old: empty,
        new: first.state.clone(),
        position: position.clone(),
        codes: first.codes,
        blocks: Vec::new(),
        keep_from: 0,
    };
    store.save(&checkpoint, B256::ZERO)?;
    let mut rules = crate::machine::rules(1);
    rules.set_spec_and_mainnet_gas_params(spec);
    rules.max_blobs_per_tx = Some(max_blobs);
    rules.blob_base_fee_update_fraction = Some(fraction);
    let number: u64 = word(&env, "currentNumber")?.saturating_to();
    let mut block = Env {
        number,
        timestamp: word(&env, "currentTimestamp")?.saturating_to(),
        coinbase: Address::from_word(word(&env, "currentCoinbase")?.into()),
        gas_limit: word(&env, "currentGasLimit")?.saturating_to(),
        base_fee: word(&env, "currentBaseFee")?.saturating_to(),
        prev_randao: word(&env, "currentRandom")?.into(),
    }
    .block();
    let excess = word(&env, "currentExcessBlobGas")?.saturating_to();
    block.blob_excess_gas_and_price =
        Some(BlobExcessGasAndPrice::new(excess, fraction));
    let previous = env.get("previousHash").and_then(Value::as_str);
    let previous = previous.map(|_| word(&env, "previousHash")).transpose()?;
    let db = TestDb {
        inner: StateDb::new(&first.state, &store, &position),
        previous: previous.map(|hash| (number.wrapping_sub(1), hash.into())),
    };
    let mut machine = context(db, rules, block).build_mainnet();
    let refused = |why: String| Ok((first.state.root(), logs_hash(&[]), why));
    match machine.transact_one(tx_env(&tx, spec)?) {
        Err(EVMError::Transaction(why)) => refused(why.to_string()),
        Err(other) => Err(Fault::new(other.to_string()).into()),
        Ok(result) => {
            let logs =
                if result.is_success() { result.into_logs() } else { Vec::new() };
            let ended = machine.finalize();
            let db = &mut machine.ctx.journaled_state.database.inner;
            let changes = db.changes(ended)?;
            let state = first.state.apply(&changes.after)?;
            Ok((state.root(), logs_hash(&logs), String::new()))
        }
    }
}

struct TestDb<'a> {
    inner: StateDb<'a>,
    previous: Option<(u64, B256)>,
}

impl Database for TestDb<'_> {
    type Error = Fault;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Fault> {
        self.inner.basic(address)
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Fault> {
        self.inner.code_by_hash(hash)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Fault> {
        self.inner.storage(address, slot)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Fault> {
        match self.previous {
            Some((at, hash)) if at == number => Ok(hash),
            _ => Ok(keccak256(number.to_string())),
        }
    }
}

fn logs_hash(logs: &[Log]) -> B256 {
    let mut encoded = Vec::new();
    logs.to_vec().encode(&mut encoded);
    keccak256(encoded)
}

fn json(text: &str) -> Result<Value, Trouble> {
    serde_json::from_str(text).map_err(|error| Trouble::Usage(error.to_string()))
}

fn wrong(name: &str) -> Trouble {
    Trouble::Usage(format!("state test: {name} is not what it should be"))
}

fn parse(value: &Value, name: &str) -> Result<U256, Trouble> {
    let text = value.as_str().ok_or_else(|| wrong(name))?;
    match text.trim_start_matches("0x") {
        "" => Ok(U256::ZERO),
        digits => U256::from_str_radix(digits, 16).map_err(|_| wrong(name)),
    }
}

/// A number in hex; 0 when it is not there.
fn word(object: &Value, name: &str) -> Result<U256, Trouble> {
    object.get(name).map_or(Ok(U256::ZERO), |value| parse(value, name))
}

fn bytes(value: &Value, name: &str) -> Result<Bytes, Trouble> {
    let text = value.as_str().ok_or_else(|| wrong(name))?;
    text.parse().map_err(|_| wrong(name))
}

fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn tx_env(tx: &Value, spec: SpecId) -> Result<TxEnv, Trouble> {
    let has = |name: &str| tx.get(name).is_some_and(|value| !value.is_null());
    let tx_type = if has("authorizationList") {
        4
    } else if has("blobVersionedHashes") {
        3
    } else if has("maxFeePerGas") {
        2
    } else {
        u8::from(has("accessList"))
    };
    let price = if tx_type >= 2 { "maxFeePerGas" } else { "gasPrice" };
    let to = tx.get("to").and_then(Value::as_str).unwrap_or_default();
    let kind = match to.trim_start_matches("0x") {
        "" => TxKind::Create,
        _ => TxKind::Call(to.parse().map_err(|_| wrong("to"))?),
    };
    // An unsigned integer above the field's width is a refusal, whatever the amount.
    let fee =
        |name: &str| word(tx, name).map(|fee| u128::try_from(fee).unwrap_or(u128::MAX));
    let hashes = list(tx, "blobVersionedHashes");
    let hashes = hashes.iter().map(|hash| parse(hash, "blob hash").map(B256::from));
    let mut access_list = AccessList::default();
    for item in list(tx, "accessList") {
        let keys = list(item, "storageKeys").iter();
        let keys = keys.map(|key| parse(key, "storage key").map(B256::from));
        access_list.0.push(AccessListItem {
            address: Address::from_word(word(item, "address")?.into()),
            storage_keys: keys.collect::<Result<_, _>>()?,
        });
    }
    let authorizations = list(tx, "authorizationList").iter().map(authorization);
    let _ = spec;
    Ok(TxEnv {
        tx_type,
        caller: Address::from_word(word(tx, "sender")?.into()),
        gas_limit: word(tx, "gasLimit")?.saturating_to(),
        gas_price: fee(price)?,
        kind,
        value: word(tx, "value")?,
        data: bytes(tx.get("data").unwrap_or(&Value::Null), "data")?,
        nonce: word(tx, "nonce")?.saturating_to(),
        chain_id: Some(1),
        access_list,
        gas_priority_fee: (tx_type >= 2)
            .then(|| fee("maxPriorityFeePerGas"))
            .transpose()?,
        blob_hashes: hashes.collect::<Result<_, _>>()?,
        max_fee_per_blob_gas: fee("maxFeePerBlobGas")?,
        authorization_list: authorizations.collect::<Result<_, _>>()?,
    })
}

fn authorization(
    item: &Value,
) -> Result<
    Either<
        SignedAuthorization,
        revm::context_interface::transaction::RecoveredAuthorization,
    >,
    Trouble,
> {
    let inner = Authorization {
        chain_id: word(item, "chainId")?,
        address: Address::from_word(word(item, "address")?.into()),
        nonce: word(item, "nonce")?.saturating_to(),
    };
    let parity = if item.get("yParity").is_some() { "yParity" } else { "v" };
    let parity: u8 = word(item, parity)?.saturating_to();
    let signed = SignedAuthorization::new_unchecked(
        inner,
        parity,
        word(item, "r")?,
        word(item, "s")?,
    );
    Ok(Either::Left(signed))
}
