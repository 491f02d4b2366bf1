//! Traces as geth gives them: the struct logger and callTracer, by revm-inspectors.

mod watched;

use std::time::{Duration, Instant};

use alloy_primitives::Bytes;
use revm::context::result::ResultAndState;
use revm::context_interface::result::{EVMError, ExecutionResult, InvalidTransaction};
use revm::database_interface::EmptyDB;
use revm::handler::SystemCallEvm;
use revm::inspector::InspectEvm;
use revm::{Database, MainBuilder};
use revm_inspectors::tracing::DebugInspector;
use serde_json::{Map, Value};

use crate::calls::{Call, Overrides};
use crate::error::{Fault, Trouble};
use crate::header::Block;
use crate::limit::{CALL_TIME, TIMED_OUT};
use crate::machine::{Env, Machine, context, forget_empty, replay_rules};
use crate::touched;
use crate::view::View;
use watched::{TOO_LONG, Watched};

/// Tracers that need nothing but the run itself.
const TRACERS: [&str; 4] =
    ["callTracer", "flatCallTracer", "4byteTracer", "noopTracer"];
/// What a whole block may take.
const TRACE_TIME: Duration = Duration::from_secs(30);

/// Refuses to go on with a block that takes too long.
pub fn in_time(until: Instant) -> Result<(), Trouble> {
    if Instant::now() < until {
        return Ok(());
    }
    let message = format!("the trace took longer than {} s", TRACE_TIME.as_secs());
    Err(Trouble::Usage(message))
}

/// Makes the tracer that a name and geth's options ask for.
fn tracer(name: &str, options: &Value, until: Instant) -> Result<Watched, Trouble> {
    let limit = options["limit"].as_u64().unwrap_or_default();
    let options = match options {
        Value::Null => Value::Object(Map::new()),
        other => other.clone(),
    };
    let config = match name {
        "" | "structLogger" => options,
        known if TRACERS.contains(&known) => {
            serde_json::json!({"tracer": known, "tracerConfig": options})
        }
        other => {
            return Err(Trouble::Usage(format!(
                "tracer {other:?} is not known: leave it out for the struct logger, or name \
                 callTracer"
            )));
        }
    };
    let wrong = |error: String| Trouble::Usage(format!("tracer options: {error}"));
    let options =
        serde_json::from_value(config).map_err(|error| wrong(error.to_string()))?;
    let inner =
        DebugInspector::new(options).map_err(|error| wrong(error.to_string()))?;
    Ok(Watched::new(inner, until, name.is_empty() || name == "structLogger", limit))
}

/// Why a run ended before its time: the trace was too long or took too long, or what the
/// caller makes of any other reason.
pub fn stopped(
    error: EVMError<Fault, InvalidTransaction>,
    other: &dyn Fn(String) -> Trouble,
) -> Trouble {
    match error {
        EVMError::Custom(reason) if reason == TIMED_OUT || reason == TOO_LONG => {
            Trouble::Usage(reason)
        }
        EVMError::Database(fault) => fault.into(),
        rest => other(format!("trace: {rest}")),
    }
}

/// The tracer's JSON answer on a finished run.
fn answer<DB: Database>(
    machine: &mut Machine<DB, Watched>,
    tx: &revm::context::TxEnv,
    result: ExecutionResult,
) -> Result<String, Fault> {
    let ran = ResultAndState::new(result, Default::default());
    let block = machine.ctx.block.clone();
    let broken = |error: String| Fault::new(format!("trace: {error}"));
    let trace = machine
        .inspector
        .inner
        .get_result(None, tx, &block, &ran, &mut EmptyDB::default())
        .map_err(|error| broken(error.to_string()))?;
    machine.inspector.renew();
    machine.inspector.inner.fuse().map_err(|error| broken(error.to_string()))?;
    let mut value =
        serde_json::to_value(&trace).map_err(|error| broken(error.to_string()))?;
    tidy(&mut value, false);
    Ok(value.to_string())
}

/// Brings an answer to the form that both executors give: no refund counter in a step
/// (the reference has none), and as in geth no return data where there is none and no
/// logs of a frame that failed or lies inside one that did.
fn tidy(node: &mut Value, is_inside_failed: bool) {
    let Some(node) = node.as_object_mut() else {
        return;
    };
    let is_failed = is_inside_failed || node.contains_key("error");
    if is_failed {
        node.remove("logs");
    }
    for call in
        node.get_mut("calls").and_then(Value::as_array_mut).into_iter().flatten()
    {
        tidy(call, is_failed);
    }
    for step in
        node.get_mut("structLogs").and_then(Value::as_array_mut).into_iter().flatten()
    {
        if let Some(step) = step.as_object_mut() {
            step.remove("refund");
            if step.get("returnData").is_some_and(|data| data == "0x") {
                step.remove("returnData");
            }
        }
    }
}

impl View {
    /// Traces a call; JSON text.
    pub fn trace_call(
        &self,
        call: &Call,
        env: &Env,
        overrides: &Overrides,
        (name, options): (&str, &Value),
    ) -> Result<String, Trouble> {
        if name == touched::NAME {
            return self.touched_by_call(call, env, overrides);
        }
        let inspector = tracer(name, options, Instant::now() + CALL_TIME)?;
        if let Some(problem) = self.problem(call, env, overrides)? {
            return Err(Trouble::Usage(problem));
        }
        let context = self.call_context(call, env, overrides)?;
        let mut machine = context.build_mainnet_with_inspector(inspector);
        let tx = call.env(self.chain_id);
        let result = machine
            .inspect_one_tx(tx.clone())
            .map_err(|error| stopped(error, &|rest| Fault::new(rest).into()))?;
        Ok(answer(&mut machine, &tx, result)?)
    }

    /// Traces each transaction of the block that follows this state; JSON texts.
    pub fn trace_block(
        &self,
        block: &[u8],
        (name, options): (&str, &Value),
    ) -> Result<Vec<String>, Trouble> {
        let until = Instant::now() + TRACE_TIME;
        let Block { header, transactions } =
            Block::decode(block).map_err(Trouble::Invalid)?;
        let raws: Vec<&[u8]> =
            transactions.into_iter().map(|range| &block[range]).collect();
        let checked = self.checker.check_all(&raws);
        let (env, rules) = (header.env(), replay_rules(self.chain_id));
        if name == touched::NAME {
            return self.touched_by_block(checked, &env, until);
        }
        let inspector = tracer(name, options, until)?;
        let mut machine = context(self.database(), rules, env.block())
            .build_mainnet_with_inspector(inspector);
        self.open_block(&mut machine)?;
        let mut answers = Vec::with_capacity(checked.len());
        for (at, tx) in checked.into_iter().enumerate() {
            let wrong = |reason: String| {
                Trouble::Invalid(format!("transaction {at}: {reason}"))
            };
            let tx = tx.map_err(|refusal| wrong(refusal.to_string()))?;
            if !tx.env.authorization_list.is_empty() {
                forget_empty(&mut machine.ctx.journaled_state.state);
            }
            let ran = machine.inspect_one_tx(tx.env.clone());
            let result = ran.map_err(|error| stopped(error, &wrong))?;
            answers.push(answer(&mut machine, &tx.env, result)?);
            in_time(until)?;
        }
        Ok(answers)
    }

    /// The system calls before the first transaction, which nobody traces.
    pub fn open_block<DB: Database, INSP>(
        &self,
        machine: &mut Machine<DB, INSP>,
    ) -> Result<(), Fault> {
        let parent = self.version.position.digest;
        let calls = [
            (alloy_eips::eip4788::BEACON_ROOTS_ADDRESS, Bytes::from([0; 32])),
            (alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS, Bytes::from(parent)),
        ];
        for (contract, data) in calls {
            if self.account(&contract)?.code_hash != alloy_primitives::KECCAK256_EMPTY {
                let called = machine.system_call_one(contract, data);
                called.map_err(|error| Fault::new(format!("system call: {error}")))?;
            }
        }
        Ok(())
    }
}
