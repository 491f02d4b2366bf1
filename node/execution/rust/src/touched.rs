//! What one run touched: accounts and slots, before it and after it.
//!
//! geth's prestateTracer and `eth_simulateV1` are made of this, in Python, so that both
//! executors give the same. JSON: {"gas": spent before refunds, "accounts": {address:
//! {"before": account, "after": account or null, "slots": {slot: [before, after]}}}}, an
//! account being {"balance", "nonce", "code"} in hex; null is an account that is gone.

mod naming;

use std::time::Instant;

use alloy_primitives::{Bytes, KECCAK256_EMPTY, U256, hex};
use revm::context::ContextTr;
use revm::context::result::{EVMError, ResultAndState};
use revm::database::State;
use revm::inspector::InspectEvm;
use revm::state::{Account, AccountInfo};
use revm::{Database, DatabaseCommit, ExecuteEvm, MainBuilder};
use serde_json::{Map, Value, json};

use crate::calls::{Call, OverrideDb, Overrides};
use crate::error::{Fault, Trouble};
use crate::limit::CALL_TIME;
use crate::machine::{Env, context, replay_rules};
use crate::trace::{in_time, stopped};
use crate::tx::Checked;
use crate::view::View;
use naming::Naming;

/// The name that asks for this instead of a trace.
pub const NAME: &str = "touchTracer";

/// Describes a finished run: what it named and what it changed. `before` reads the state
/// that it began on.
fn touched<DB: Database>(
    before: &mut DB,
    ran: &ResultAndState,
    naming: &Naming,
) -> Result<Value, Fault> {
    let named = naming.accounts(&ran.state);
    let mut accounts = Map::new();
    for address in ran.state.keys().chain(&named) {
        let found = before.basic(*address).map_err(unread)?.unwrap_or_default();
        let found = shown(before, &found)?;
        let account = ran.state.get(address);
        let after = match account {
            None => found.clone(),
            Some(account) if account.is_selfdestructed() => Value::Null,
            Some(account) => shown(before, &account.info)?,
        };
        let slots = account.map_or_else(Map::new, |account| {
            slots(account, |slot| naming.has_slot(*address, slot))
        });
        if named.contains(address) || after != found || !slots.is_empty() {
            let entry = json!({"before": found, "after": after, "slots": slots});
            accounts.insert(format!("{address:#x}"), entry);
        }
    }
    let gas = ran.result.gas().total_gas_spent();
    Ok(json!({"gas": format!("{gas:#x}"), "accounts": accounts}))
}

/// Of one account, those that were named and those that changed.
fn slots(account: &Account, is_named: impl Fn(U256) -> bool) -> Map<String, Value> {
    let is_gone = account.is_selfdestructed();
    let pairs = account.storage.iter().filter_map(|(slot, value)| {
        let now = if is_gone { U256::ZERO } else { value.present_value };
        let was = value.original_value;
        let pair = json!([format!("{was:#x}"), format!("{now:#x}")]);
        (is_named(*slot) || was != now).then(|| (format!("{slot:#x}"), pair))
    });
    pairs.collect()
}

fn unread(error: impl std::fmt::Display) -> Fault {
    Fault::new(format!("trace: {error}"))
}

fn shown<DB: Database>(db: &mut DB, info: &AccountInfo) -> Result<Value, Fault> {
    let code = match &info.code {
        _ if info.code_hash == KECCAK256_EMPTY => Bytes::new(),
        Some(code) => code.original_bytes(),
        None => db.code_by_hash(info.code_hash).map_err(unread)?.original_bytes(),
    };
    Ok(json!({
        "balance": format!("{:#x}", info.balance),
        "nonce": format!("{:#x}", info.nonce),
        "code": hex::encode_prefixed(&code),
    }))
}

impl View {
    /// What a call touches; JSON text.
    pub fn touched_by_call(
        &self,
        call: &Call,
        env: &Env,
        overrides: &Overrides,
    ) -> Result<String, Trouble> {
        if let Some(problem) = self.problem(call, env, overrides)? {
            return Err(Trouble::Usage(problem));
        }
        let mut before = OverrideDb::new(self.database(), overrides)?;
        let (tx, until) = (call.env(self.chain_id), Instant::now() + CALL_TIME);
        let naming = Naming::of(&tx, env.coinbase, &mut before, until)?;
        let context = self.call_context(call, env, overrides)?;
        let mut machine = context.build_mainnet_with_inspector(naming);
        let ran = machine
            .inspect_tx(tx)
            .map_err(|error| stopped(error, &|rest| Trouble::Usage(rest)))?;
        Ok(touched(&mut before, &ran, &machine.inspector)?.to_string())
    }

    /// What each transaction of the block that follows this state touches.
    pub fn touched_by_block(
        &self,
        transactions: Vec<Checked>,
        env: &Env,
        until: Instant,
    ) -> Result<Vec<String>, Trouble> {
        let db = State::builder().with_database(self.database()).build();
        let rules = replay_rules(self.chain_id);
        let mut opening = context(db, rules, env.block()).build_mainnet();
        self.open_block(&mut opening)?;
        let opened = opening.finalize();
        opening.ctx.db_mut().commit(opened);
        let mut machine = opening.with_inspector(Naming::default());
        let mut answers = Vec::with_capacity(transactions.len());
        for (at, tx) in transactions.into_iter().enumerate() {
            let wrong = |reason: String| {
                Trouble::Invalid(format!("transaction {at}: {reason}"))
            };
            let tx = tx.map_err(|refusal| wrong(refusal.to_string()))?;
            let before = machine.ctx.db_mut();
            machine.inspector = Naming::of(&tx.env, env.coinbase, before, until)?;
            let ran = machine.inspect_tx(tx.env.clone());
            let ran = ran.map_err(|error| match error {
                EVMError::Custom(reason) => Trouble::Usage(reason),
                other => wrong(other.to_string()),
            })?;
            let db = machine.ctx.db_mut();
            answers.push(touched(db, &ran, &machine.inspector)?.to_string());
            db.commit(ran.state);
            in_time(until)?;
        }
        Ok(answers)
    }
}
