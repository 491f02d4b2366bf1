//! Which accounts and slots a run names, as geth's prestateTracer looks them up.
//!
//! What the machine loaded is not the same: it loads a slot before the instruction that
//! wants it runs out of gas, and whoever stands behind a delegation, also one that the
//! transaction itself made. Source: go-ethereum eth/tracers/native/prestate.go.

use std::collections::BTreeSet;
use std::time::Instant;

use alloy_primitives::{Address, B256, TxKind, U256};
use revm::bytecode::opcode::{
    BALANCE, CALL, CALLCODE, DELEGATECALL, EXTCODECOPY, EXTCODEHASH, EXTCODESIZE,
    SELFDESTRUCT, SLOAD, SSTORE, STATICCALL,
};
use revm::context::TxEnv;
use revm::context_interface::transaction::AuthorizationTr;
use revm::context_interface::{ContextTr, JournalTr};
use revm::inspector::JournalExt;
use revm::interpreter::interpreter_types::{InputsTr, Jumps, LoopControl};
use revm::interpreter::{CreateInputs, CreateOutcome, Interpreter};
use revm::state::{AccountInfo, EvmState};
use revm::{Database, Inspector};

use super::unread;
use crate::error::Fault;
use crate::limit::TimeLimit;

/// What an instruction wants; it counts once the instruction has run.
enum Wanted {
    Account(Address),
    Called(Address),
    Slot(Address, U256),
}

/// See the module's comment. It also ends runs that take too long.
#[derive(Default)]
pub struct Naming {
    clock: TimeLimit,
    wanted: Option<Wanted>,
    accounts: BTreeSet<Address>,
    called: BTreeSet<Address>,
    slots: BTreeSet<(Address, U256)>,
}

impl Naming {
    /// Ready for a transaction, of which it knows whom that names itself; `before` is the
    /// state that it runs on.
    pub fn of<DB: Database>(
        tx: &TxEnv,
        coinbase: Address,
        before: &mut DB,
        until: Instant,
    ) -> Result<Self, Fault> {
        let mut accounts = BTreeSet::from([tx.caller, coinbase]);
        if let TxKind::Call(to) = tx.kind {
            accounts.insert(to);
            accounts.extend(delegate_at(before, to)?);
        }
        let signers =
            tx.authorization_list.iter().filter_map(|signed| signed.authority());
        accounts.extend(signers);
        Ok(Self {
            clock: TimeLimit::until(until),
            wanted: None,
            accounts,
            called: BTreeSet::new(),
            slots: BTreeSet::new(),
        })
    }

    /// The accounts named, with those whose code ran for them; `after` is the state of
    /// the run.
    pub fn accounts(&self, after: &EvmState) -> BTreeSet<Address> {
        let delegates =
            self.called.iter().filter_map(|at| delegate(&after.get(at)?.info));
        self.accounts.iter().chain(&self.called).copied().chain(delegates).collect()
    }

    pub fn has_slot(&self, at: Address, slot: U256) -> bool {
        self.slots.contains(&(at, slot))
    }
}

/// Whose code an account runs (EIP-7702).
fn delegate(info: &AccountInfo) -> Option<Address> {
    info.code.as_ref().and_then(|code| code.eip7702_address())
}

fn delegate_at<DB: Database>(
    db: &mut DB,
    at: Address,
) -> Result<Option<Address>, Fault> {
    let Some(info) = db.basic(at).map_err(unread)? else {
        return Ok(None);
    };
    if info.code.is_some() || info.is_empty_code_hash() {
        return Ok(delegate(&info));
    }
    Ok(db.code_by_hash(info.code_hash).map_err(unread)?.eip7702_address())
}

fn wanted(interpreter: &Interpreter) -> Option<Wanted> {
    let stack = &interpreter.stack;
    let address = |word: U256| Address::from_word(B256::from(word));
    match interpreter.bytecode.opcode() {
        SLOAD | SSTORE => {
            let at = interpreter.input.target_address();
            Some(Wanted::Slot(at, stack.peek(0).ok()?))
        }
        BALANCE | EXTCODECOPY | EXTCODEHASH | EXTCODESIZE | SELFDESTRUCT => {
            Some(Wanted::Account(address(stack.peek(0).ok()?)))
        }
        CALL | CALLCODE | DELEGATECALL | STATICCALL => {
            Some(Wanted::Called(address(stack.peek(1).ok()?)))
        }
        _ => None,
    }
}

impl<CTX: ContextTr<Journal: JournalExt>> Inspector<CTX> for Naming {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        self.clock.step(interpreter, context);
        self.wanted = wanted(interpreter);
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        let result = interpreter.bytecode.instruction_result();
        if result.is_some_and(|result| result.is_halt()) {
            return;
        }
        match self.wanted.take() {
            Some(Wanted::Account(at)) => {
                self.accounts.insert(at);
            }
            Some(Wanted::Called(at)) => {
                self.called.insert(at);
            }
            Some(Wanted::Slot(at, slot)) => {
                self.slots.insert((at, slot));
            }
            None => {}
        }
    }

    fn create(
        &mut self,
        context: &mut CTX,
        inputs: &mut CreateInputs,
    ) -> Option<CreateOutcome> {
        let creator = context.journal().evm_state().get(&inputs.caller());
        let nonce = creator.map_or(0, |account| account.info.nonce);
        self.accounts.insert(inputs.created_address(nonce));
        None
    }
}
