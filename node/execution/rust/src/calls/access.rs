//! Access lists (`eth_createAccessList`) as geth makes them.
//!
//! A run records the accounts and slots that its instructions name, in calls that fail
//! too. The list only grows: every run begins with what the runs before it named, until
//! one names nothing new. Left out is what is warm anyway.
//! Source: go-ethereum `eth/tracers/logger/access_list_tracer.go`.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Instant;

use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, U256};
use revm::bytecode::opcode;
use revm::context_interface::ContextTr;
use revm::context_interface::transaction::{AuthorizationTr, Transaction};
use revm::inspector::InspectEvm;
use revm::interpreter::Interpreter;
use revm::interpreter::interpreter_types::{InputsTr, Jumps};
use revm::precompile::Precompiles;
use revm::{Inspector, MainBuilder};

use super::{Call, Outcome, Overrides, STACK_LIMIT, STACK_UNDERFLOW, outcome_of};
use crate::error::Fault;
use crate::limit::{CALL_TIME, TIMED_OUT, TimeLimit};
use crate::machine::Env;
use crate::view::View;

/// A run that shows a new entry each time could go on until the gas is used up.
const MAX_RUNS: usize = 32;
/// Operands from which on a call counts, fewer than some of them have.
const CALL_OPERANDS: usize = 5;

#[derive(Clone, Default, PartialEq, Eq)]
struct Named(BTreeMap<Address, BTreeSet<B256>>);

/// Notes what the instructions of a run name.
struct Recorder<'a> {
    clock: TimeLimit,
    excluded: &'a HashSet<Address>,
    named: Named,
}

impl Recorder<'_> {
    fn name(&mut self, word: U256) {
        let address = Address::from_word(word.into());
        if !self.excluded.contains(&address) {
            self.named.0.entry(address).or_default();
        }
    }
}

impl<CTX: ContextTr> Inspector<CTX> for Recorder<'_> {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        self.clock.step(interpreter, context);
        let stack = &interpreter.stack;
        match interpreter.bytecode.opcode() {
            opcode::SLOAD | opcode::SSTORE => {
                if let Ok(slot) = stack.peek(0) {
                    let owner = interpreter.input.target_address();
                    self.named.0.entry(owner).or_default().insert(slot.into());
                }
            }
            opcode::EXTCODECOPY
            | opcode::EXTCODEHASH
            | opcode::EXTCODESIZE
            | opcode::BALANCE
            | opcode::SELFDESTRUCT => {
                if let Ok(word) = stack.peek(0) {
                    self.name(word);
                }
            }
            opcode::CALL
            | opcode::CALLCODE
            | opcode::DELEGATECALL
            | opcode::STATICCALL => {
                if stack.len() >= CALL_OPERANDS
                    && let Ok(word) = stack.peek(1)
                {
                    self.name(word);
                }
            }
            _ => (),
        }
    }
}

impl Named {
    fn given(list: &AccessList, excluded: &HashSet<Address>) -> Self {
        let mut named = Self::default();
        for item in &list.0 {
            if !excluded.contains(&item.address) || !item.storage_keys.is_empty() {
                named.0.entry(item.address).or_default().extend(&item.storage_keys);
            }
        }
        named
    }

    fn list(&self) -> AccessList {
        let item = |(address, slots): (&Address, &BTreeSet<B256>)| AccessListItem {
            address: *address,
            storage_keys: slots.iter().copied().collect(),
        };
        AccessList(self.0.iter().map(item).collect())
    }
}

impl View {
    /// What a call touches, found by running it until the list is stable. Of a call that
    /// cannot begin or runs too long, what was found until then.
    pub fn access_list(
        &self,
        call: &Call,
        env: &Env,
    ) -> Result<(Outcome, AccessList), Fault> {
        let overrides = Overrides::new();
        let until = Instant::now() + CALL_TIME;
        let excluded = self.warm_anyway(call, env)?;
        let mut named = Named::given(&call.access_list, &excluded);
        for _ in 0..MAX_RUNS {
            let call = Call { access_list: named.list(), ..call.clone() };
            if let Some(problem) = self.problem(&call, env, &overrides)? {
                return Ok((Outcome::failed(problem), call.access_list));
            }
            let clock = TimeLimit::until(until);
            let before = named.clone();
            let recorder = Recorder { clock, excluded: &excluded, named };
            let context = self.call_context(&call, env, &overrides)?;
            let mut machine = context.build_mainnet_with_inspector(recorder);
            let ran = machine.inspect_tx(call.env(self.chain_id));
            let mut outcome = outcome_of(ran.map(|ran| ran.result), call.gas)?;
            if outcome.error == STACK_LIMIT && machine.inspector.clock.is_underflow() {
                outcome.error = STACK_UNDERFLOW.into();
            }
            named = machine.inspector.named;
            if named == before || outcome.error == TIMED_OUT {
                return Ok((outcome, call.access_list));
            }
        }
        let message = format!(
            "the access list still grew after {MAX_RUNS} runs: give it the list so far"
        );
        Ok((Outcome::failed(message), named.list()))
    }

    /// The accounts of the transaction, the coinbase (EIP-3651), the precompiles and who
    /// signed authorizations that may hold.
    fn warm_anyway(&self, call: &Call, env: &Env) -> Result<HashSet<Address>, Fault> {
        let to = match call.to {
            Some(to) => to,
            None => call.sender.create(self.account(&call.sender)?.nonce),
        };
        let mut warm = HashSet::from([call.sender, env.coinbase, to]);
        warm.extend(Precompiles::prague().addresses());
        for signed in call.env(self.chain_id).authorization_list() {
            let chain_id = signed.chain_id();
            let is_ours = chain_id.is_zero() || chain_id == U256::from(self.chain_id);
            if is_ours && signed.nonce() != u64::MAX {
                warm.extend(signed.authority());
            }
        }
        Ok(warm)
    }
}
