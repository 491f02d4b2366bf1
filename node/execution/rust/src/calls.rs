//! Calls that change nothing: `eth_call`, gas estimates and (`access`) access lists.
//!
//! As geth runs them: nonce and sender's code are not checked; fees of 0 skip the base fee
//! and the funds for gas, and then BASEFEE reads 0; the intrinsic gas and the floor of
//! EIP-7623 count. Messages are those of the reference (`node/execution/reference`).

mod access;

use std::collections::HashMap;

use alloy_eips::eip2930::AccessList;
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256};
use revm::bytecode::Bytecode;
use revm::context::TxEnv;
use revm::context_interface::cfg::GasParams;
use revm::context_interface::either::Either;
use revm::context_interface::result::{
    EVMError, ExecutionResult, HaltReason, InvalidTransaction,
};
use revm::inspector::InspectEvm;
use revm::primitives::hardfork::SpecId;
use revm::state::AccountInfo;
use revm::{Database, ExecuteEvm, MainBuilder};

use crate::database::StateDb;
use crate::error::Fault;
use crate::limit::{CALL_TIME, TIMED_OUT, TimeLimit, UNWATCHED_GAS};
use crate::machine::{Env, context, rules};
use crate::store::decode_code;
use crate::view::View;

const TRANSACTION_GAS: u64 = 21_000;
const STIPEND_GAS: u64 = 2_300;
const MAX_INITCODE_BYTES: usize = 49_152;
const STACK_LIMIT: &str = "stack limit reached";
const STACK_UNDERFLOW: &str = "stack underflow";

/// A call as the RPC describes it.
#[derive(Clone)]
pub struct Call {
    pub sender: Address,
    pub to: Option<Address>,
    pub data: Bytes,
    pub value: U256,
    pub gas: u64,
    pub gas_price: u128,
    pub access_list: AccessList,
    pub authorizations: Vec<SignedAuthorization>,
}

/// What a call sees instead of an account's state.
#[derive(Clone, Default)]
pub struct Override {
    pub balance: Option<U256>,
    pub nonce: Option<u64>,
    pub code: Option<Bytes>,
    /// Replaces the whole storage.
    pub state: Option<HashMap<U256, U256>>,
    pub diff: HashMap<U256, U256>,
}

pub type Overrides = HashMap<Address, Override>;

/// What a call gave; `error` is empty on success, "revert" or a reason else.
#[derive(Clone, Default)]
pub struct Outcome {
    pub output: Bytes,
    pub gas_used: u64,
    pub error: String,
    pub logs: Vec<Log>,
    pub refund: u64,
}

impl Outcome {
    pub fn failed(error: impl Into<String>) -> Self {
        Self { error: error.into(), ..Self::default() }
    }
}

/// A state with overrides laid over it.
pub struct OverrideDb<'a> {
    pub inner: StateDb<'a>,
    overrides: &'a Overrides,
    codes: HashMap<Address, (B256, Bytecode)>,
}

impl<'a> OverrideDb<'a> {
    pub fn new(inner: StateDb<'a>, overrides: &'a Overrides) -> Result<Self, Fault> {
        let mut codes = HashMap::new();
        for (address, change) in overrides {
            if let Some(code) = &change.code {
                let analysed = decode_code(code.clone())
                    .unwrap_or_else(|_| Bytecode::new_legacy(code.clone()));
                codes.insert(*address, (keccak256(code), analysed));
            }
        }
        Ok(Self { inner, overrides, codes })
    }
}

impl Database for OverrideDb<'_> {
    type Error = Fault;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Fault> {
        let found = self.inner.basic(address)?;
        let Some(change) = self.overrides.get(&address) else {
            return Ok(found);
        };
        let mut info = found.unwrap_or_default();
        info.balance = change.balance.unwrap_or(info.balance);
        info.nonce = change.nonce.unwrap_or(info.nonce);
        if let Some((hash, code)) = self.codes.get(&address) {
            info.code_hash = *hash;
            info.code = Some(code.clone());
        }
        Ok(Some(info))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Fault> {
        self.inner.code_by_hash(hash)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Fault> {
        if let Some(change) = self.overrides.get(&address) {
            if let Some(word) = change.diff.get(&slot) {
                return Ok(*word);
            }
            if let Some(state) = &change.state {
                return Ok(state.get(&slot).copied().unwrap_or_default());
            }
        }
        self.inner.storage(address, slot)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Fault> {
        self.inner.block_hash(number)
    }
}

impl Call {
    /// The transaction that the call stands for.
    pub fn env(&self, chain_id: u64) -> TxEnv {
        TxEnv {
            tx_type: if self.authorizations.is_empty() { 2 } else { 4 },
            caller: self.sender,
            gas_limit: self.gas,
            gas_price: self.gas_price,
            kind: self.to.map_or(TxKind::Create, TxKind::Call),
            value: self.value,
            data: self.data.clone(),
            nonce: 0,
            chain_id: Some(chain_id),
            access_list: self.access_list.clone(),
            gas_priority_fee: Some(self.gas_price),
            blob_hashes: Vec::new(),
            max_fee_per_blob_gas: 0,
            authorization_list: self
                .authorizations
                .iter()
                .cloned()
                .map(Either::Left)
                .collect(),
        }
    }

    fn with_gas(&self, gas: u64) -> Self {
        Self { gas, ..self.clone() }
    }
}

impl View {
    /// Runs a call on top of this state; nothing is kept.
    pub fn call(
        &self,
        call: &Call,
        env: &Env,
        overrides: &Overrides,
    ) -> Result<Outcome, Fault> {
        if let Some(problem) = self.problem(call, env, overrides)? {
            return Ok(Outcome::failed(problem));
        }
        if call.gas > UNWATCHED_GAS {
            return self.watched(call, env, overrides);
        }
        let context = self.call_context(call, env, overrides)?;
        let ran = context.build_mainnet().transact(call.env(self.chain_id));
        let outcome = outcome_of(ran.map(|ran| ran.result), call.gas)?;
        if outcome.error == STACK_LIMIT {
            return self.watched(call, env, overrides);
        }
        Ok(outcome)
    }

    /// A run under a clock that also knows what was done last.
    fn watched(
        &self,
        call: &Call,
        env: &Env,
        overrides: &Overrides,
    ) -> Result<Outcome, Fault> {
        let context = self.call_context(call, env, overrides)?;
        let mut machine =
            context.build_mainnet_with_inspector(TimeLimit::of(CALL_TIME));
        let ran = machine.inspect_tx(call.env(self.chain_id));
        let mut outcome = outcome_of(ran.map(|ran| ran.result), call.gas)?;
        if outcome.error == STACK_LIMIT && machine.inspector.is_underflow() {
            outcome.error = STACK_UNDERFLOW.into();
        }
        Ok(outcome)
    }

    /// The context of one run, with the checks off that a call does without.
    pub fn call_context<'a>(
        &'a self,
        call: &Call,
        env: &Env,
        overrides: &'a Overrides,
    ) -> Result<revm::handler::MainnetContext<OverrideDb<'a>>, Fault> {
        let mut rules = rules(self.chain_id);
        rules.disable_nonce_check = true;
        rules.disable_eip3607 = true;
        rules.disable_block_gas_limit = true;
        let mut env = env.clone();
        if call.gas_price == 0 {
            env.base_fee = 0;
        }
        let db = OverrideDb::new(self.database(), overrides)?;
        Ok(context(db, rules, env.block()))
    }

    /// Why a call cannot even begin.
    pub fn problem(
        &self,
        call: &Call,
        env: &Env,
        overrides: &Overrides,
    ) -> Result<Option<String>, Fault> {
        if call.gas_price > 0 && call.gas_price < u128::from(env.base_fee) {
            return Ok(Some(format!(
                "max fee per gas less than block base fee: {} is below {}",
                call.gas_price, env.base_fee
            )));
        }
        let balance = self.funds(&call.sender, overrides)?;
        let cost = U256::from(call.gas).saturating_mul(U256::from(call.gas_price));
        let cost = cost.saturating_add(call.value);
        if balance < cost {
            return Ok(Some(format!(
                "insufficient funds for gas * price + value: the sender has {balance}, the \
                 call wants {cost}"
            )));
        }
        if call.to.is_none() && call.data.len() > MAX_INITCODE_BYTES {
            return Ok(Some(format!(
                "max initcode size exceeded: {} bytes",
                call.data.len()
            )));
        }
        let gas = GasParams::new_spec(SpecId::PRAGUE)
            .initial_tx_gas_for_tx(call.env(self.chain_id), None);
        let needed = gas.initial_total_gas().max(gas.floor_gas());
        if call.gas < needed {
            let message =
                format!("intrinsic gas too low: have {}, want {needed}", call.gas);
            return Ok(Some(message));
        }
        Ok(None)
    }

    fn funds(&self, sender: &Address, overrides: &Overrides) -> Result<U256, Fault> {
        match overrides.get(sender).and_then(|change| change.balance) {
            Some(balance) => Ok(balance),
            None => Ok(self.account(sender)?.balance),
        }
    }

    /// The smallest gas limit that suffices, or the failing result.
    pub fn estimate_gas(
        &self,
        call: &Call,
        env: &Env,
        overrides: &Overrides,
    ) -> Result<Result<u64, Outcome>, Fault> {
        let mut high = self.highest_gas(call, env, overrides)?;
        let first = self.call(&call.with_gas(high), env, overrides)?;
        if !first.error.is_empty() {
            return Ok(Err(too_little(first, high)));
        }
        let suffices = |gas: u64| -> Result<bool, Fault> {
            Ok(self.call(&call.with_gas(gas), env, overrides)?.error.is_empty())
        };
        let mut low = first.gas_used - 1;
        let hint = (first.gas_used + first.refund + STIPEND_GAS) * 64 / 63;
        if hint < high {
            *if suffices(hint)? { &mut high } else { &mut low } = hint;
        }
        while low + 1 < high {
            let middle = low.midpoint(high).min(low * 2);
            *if suffices(middle)? { &mut high } else { &mut low } = middle;
        }
        Ok(Ok(high))
    }

    fn highest_gas(
        &self,
        call: &Call,
        env: &Env,
        overrides: &Overrides,
    ) -> Result<u64, Fault> {
        let high = call.gas.min(env.gas_limit);
        if call.gas_price == 0 {
            return Ok(high.max(TRANSACTION_GAS));
        }
        let funds = self.funds(&call.sender, overrides)?.saturating_sub(call.value);
        let payable = funds / U256::from(call.gas_price);
        Ok(high.min(payable.saturating_to()))
    }
}

fn too_little(outcome: Outcome, gas: u64) -> Outcome {
    if outcome.error == "out of gas" || outcome.error.starts_with("intrinsic") {
        return Outcome {
            error: format!("gas required exceeds allowance ({gas})"),
            ..outcome
        };
    }
    outcome
}

type Ran = Result<ExecutionResult, EVMError<Fault, InvalidTransaction>>;

/// Reads the end of a run.
pub fn outcome_of(ran: Ran, gas: u64) -> Result<Outcome, Fault> {
    let result = match ran {
        Ok(result) => result,
        Err(EVMError::Database(fault)) => return Err(fault),
        Err(EVMError::Custom(reason)) if reason == TIMED_OUT => {
            return Ok(Outcome { gas_used: gas, ..Outcome::failed(reason) });
        }
        Err(other) => return Ok(Outcome::failed(other.to_string())),
    };
    let gas_used = result.tx_gas_used();
    let refund = result.gas().inner_refunded();
    Ok(match result {
        ExecutionResult::Success { output, logs, .. } => {
            let output = output.into_data();
            Outcome { output, gas_used, error: String::new(), logs, refund }
        }
        ExecutionResult::Revert { output, .. } => {
            Outcome { output, gas_used, ..Outcome::failed("revert") }
        }
        ExecutionResult::Halt { reason, .. } => {
            Outcome { gas_used, ..Outcome::failed(words(&reason)) }
        }
    })
}

/// Why the machine stopped, in geth's words.
fn words(reason: &HaltReason) -> &'static str {
    match reason {
        HaltReason::OutOfGas(_) | HaltReason::CreateContractSizeLimit => "out of gas",
        HaltReason::OpcodeNotFound
        | HaltReason::InvalidFEOpcode
        | HaltReason::NotActivated => "invalid opcode",
        HaltReason::InvalidJump => "invalid jump destination",
        HaltReason::StackUnderflow => STACK_UNDERFLOW,
        HaltReason::StackOverflow => STACK_LIMIT,
        HaltReason::OutOfOffset => "return data out of bounds",
        HaltReason::CreateCollision => "contract address collision",
        HaltReason::CreateContractStartingWithEF => {
            "invalid code: must not begin with 0xef"
        }
        HaltReason::StateChangeDuringStaticCall
        | HaltReason::CallNotAllowedInsideStatic => "write protection",
        HaltReason::OutOfFunds => "insufficient balance for transfer",
        _ => "execution failed",
    }
}
