//! What one run touched: accounts and slots, before it and after it.
//!
//! geth's prestateTracer and `eth_simulateV1` are made of this, in Python, so that both
//! executors give the same. JSON: {"gas": spent before refunds, "accounts": {address:
//! {"before": account, "after": account or null, "slots": {slot: [before, after]}}}}, an
//! account being {"balance", "nonce", "code"} in hex; null is an account that is gone.

use std::time::Instant;

use alloy_primitives::{Bytes, KECCAK256_EMPTY, hex};
use revm::context::ContextTr;
use revm::context::result::ResultAndState;
use revm::database::State;
use revm::inspector::InspectEvm;
use revm::state::AccountInfo;
use revm::{Database, DatabaseCommit, ExecuteEvm, MainBuilder};
use serde_json::{Map, Value, json};

use crate::calls::{Call, OverrideDb, Overrides};
use crate::error::{Fault, Trouble};
use crate::limit::{CALL_TIME, TimeLimit};
use crate::machine::{Env, context, replay_rules};
use crate::trace::in_time;
use crate::tx::Checked;
use crate::view::View;

/// The name that asks for this instead of a trace.
pub const NAME: &str = "touchTracer";

/// Describes a finished run; `before` reads the state that it began on.
pub fn touched<DB: Database>(
    before: &mut DB,
    ran: &ResultAndState,
) -> Result<Value, Fault> {
    let mut accounts = Map::new();
    for (address, account) in &ran.state {
        let found = before.basic(*address).map_err(unread)?.unwrap_or_default();
        let is_gone = account.is_selfdestructed();
        let after = if is_gone { Value::Null } else { shown(before, &account.info)? };
        let mut slots = Map::new();
        for (slot, value) in &account.storage {
            let now = if is_gone { Default::default() } else { value.present_value };
            let pair = json!([
                format!("{:#x}", value.original_value),
                format!("{now:#x}"),
            ]);
            slots.insert(format!("{slot:#x}"), pair);
        }
        let entry =
            json!({"before": shown(before, &found)?, "after": after, "slots": slots});
        accounts.insert(format!("{address:#x}"), entry);
    }
    let gas = ran.result.gas().total_gas_spent();
    Ok(json!({"gas": format!("{gas:#x}"), "accounts": accounts}))
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
        let context = self.call_context(call, env, overrides)?;
        let mut machine =
            context.build_mainnet_with_inspector(TimeLimit::of(CALL_TIME));
        let ran = machine
            .inspect_tx(call.env(self.chain_id))
            .map_err(|error| Trouble::Usage(error.to_string()))?;
        let mut before = OverrideDb::new(self.database(), overrides)?;
        Ok(touched(&mut before, &ran)?.to_string())
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
        let mut machine = context(db, rules, env.block()).build_mainnet();
        self.open_block(&mut machine)?;
        let opened = machine.finalize();
        machine.ctx.db_mut().commit(opened);
        let mut answers = Vec::with_capacity(transactions.len());
        for (at, tx) in transactions.into_iter().enumerate() {
            let wrong = |reason: String| {
                Trouble::Invalid(format!("transaction {at}: {reason}"))
            };
            let tx = tx.map_err(|refusal| wrong(refusal.to_string()))?;
            let ran = machine.transact(tx.env.clone());
            let ran = ran.map_err(|error| wrong(error.to_string()))?;
            let db = machine.ctx.db_mut();
            answers.push(touched(db, &ran)?.to_string());
            db.commit(ran.state);
            in_time(until)?;
        }
        Ok(answers)
    }
}
