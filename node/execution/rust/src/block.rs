//! Executing one block on the state of its parent: system calls, transactions, roots.
//!
//! The same `Execution` serves a proposer, who learns which transactions fit, and a
//! validator, for whom one that does not makes the block invalid. The requests that the
//! contracts of EIP-7002 and 7251 return are dropped, since no beacon chain reads them;
//! deposits (EIP-6110) are not looked for.
//! Sources: EIP-4788, 2935, 7002, 7251; execution-specs (Prague) for their order.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use alloy_consensus::{Eip658Value, Receipt, ReceiptWithBloom};
use alloy_eips::{eip2935, eip4788, eip7002, eip7251};
use alloy_primitives::{Address, B256, Bloom, Bytes, KECCAK256_EMPTY, Log, U256};
use alloy_rlp::Encodable;
use revm::context_interface::result::{EVMError, ExecutionResult, InvalidTransaction};
use revm::handler::SystemCallEvm;
use revm::inspector::InspectEvm;
use revm::state::Account;
use revm::{Database, ExecuteEvm, MainBuilder};

use crate::database::{Changes, StateDb};
use crate::error::{Fault, Kind, Refusal};
use crate::limit::{TIMED_OUT, TimeLimit, UNWATCHED_GAS};
use crate::machine::{Env, Machine, context, forget_empty, rules};
use crate::phases::{Phase, Span};
use crate::state::State;
use crate::store::{Position, Store};
use crate::trie::{EMPTY_ROOT, Replaced};
use crate::tx::Tx;

/// Where a block's execution stands.
pub struct Execution<'a> {
    machine: Machine<StateDb<'a>, TimeLimit>,
    env: Env,
    state: &'a State,
    raws: Vec<Bytes>,
    pub results: Results,
    senders: Vec<Address>,
    known_senders: HashSet<Address>,
    /// Touched and left empty before the last authorizations.
    emptied: Vec<Address>,
    _span: Span,
}

/// What the transactions of a block gave, in order.
#[derive(Clone, Default)]
pub struct Results {
    pub hashes: Vec<B256>,
    /// RLP consensus encodings.
    pub receipts: Vec<Vec<u8>>,
    pub gas_used: Vec<u64>,
    /// The contract that a transaction created.
    pub created: Vec<Option<Address>>,
    pub total_gas: u64,
    pub bloom: Bloom,
}

/// An execution whose roots are still to be made.
pub struct Closed<'a> {
    state: &'a State,
    raws: Vec<Bytes>,
    results: Results,
    changes: Changes,
    touched: Vec<(Address, u64, U256)>,
}

impl Closed<'_> {
    /// The new state and the roots.
    pub fn finish(self) -> Result<Finished, Fault> {
        let _span = Span::begin(Phase::Roots);
        let (state, replaced) = self.state.apply_noting(&self.changes.after)?;
        Ok(Finished {
            state_root: state.root(),
            transactions_root: list_root(&self.raws),
            receipts_root: list_root(&self.results.receipts),
            raws: self.raws,
            results: self.results,
            touched: self.touched,
            changes: self.changes,
            state,
            replaced,
        })
    }
}

/// A finished execution.
pub struct Finished {
    pub raws: Vec<Bytes>,
    pub results: Results,
    pub state: State,
    pub replaced: Replaced,
    pub changes: Changes,
    pub state_root: B256,
    pub transactions_root: B256,
    pub receipts_root: B256,
    /// Nonce and balance after the block of every sender in it.
    pub touched: Vec<(Address, u64, U256)>,
}

/// Why a transaction did not run.
pub enum Failed {
    Refused(Refusal),
    Fault(Fault),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl<'a> Execution<'a> {
    /// Begins with the system calls that open a block.
    pub fn begin(
        state: &'a State,
        store: &'a Store,
        parent: &'a Position,
        chain_id: u64,
        env: Env,
    ) -> Result<Self, Fault> {
        let db = StateDb::new(state, store, parent);
        let mut execution = Self {
            machine: context(db, rules(chain_id), env.block())
                .build_mainnet_with_inspector(TimeLimit::default()),
            env,
            state,
            raws: Vec::new(),
            results: Results::default(),
            senders: Vec::new(),
            known_senders: HashSet::new(),
            emptied: Vec::new(),
            _span: Span::begin(Phase::Execute),
        };
        execution.system_call(eip4788::BEACON_ROOTS_ADDRESS, B256::ZERO.into())?;
        execution
            .system_call(eip2935::HISTORY_STORAGE_ADDRESS, parent.digest.into())?;
        Ok(execution)
    }

    /// Whether a transaction's gas limit fits into what the block has left.
    pub fn has_room(&self, tx: &Tx) -> bool {
        let after = self.results.total_gas.checked_add(tx.env.gas_limit);
        after.is_some_and(|gas| gas <= self.env.gas_limit)
    }

    /// The rules that need the block but not the state.
    pub fn check(&self, tx: &Tx) -> Result<(), Refusal> {
        let (limit, fee) = (tx.env.gas_limit, tx.env.gas_price);
        if limit > self.env.gas_limit {
            let message = format!(
                "gas limit {limit} is above the block's {}",
                self.env.gas_limit
            );
            return Err(Refusal::new(Kind::GasLimit, message));
        }
        if fee < u128::from(self.env.base_fee) {
            let message = format!(
                "maximum fee {fee} is below the base fee {}",
                self.env.base_fee
            );
            return Err(Refusal::new(Kind::FeeTooLow, message));
        }
        Ok(())
    }

    /// Runs a transaction that has room; a refused one leaves no trace.
    pub fn run(&mut self, tx: &Arc<Tx>) -> Result<(), Failed> {
        self.check(tx).map_err(Failed::Refused)?;
        self.machine.ctx.cfg.disable_eip3607 = tx.is_impersonated;
        self.forget_empty(tx);
        let ran = self.machine.transact_one(tx.env.clone());
        self.note(tx, ran)
    }

    /// `run` for a proposer: one that takes longer than `time` is refused.
    pub fn run_within(&mut self, tx: &Arc<Tx>, time: Duration) -> Result<(), Failed> {
        if tx.env.gas_limit <= UNWATCHED_GAS {
            return self.run(tx);
        }
        self.check(tx).map_err(Failed::Refused)?;
        self.machine.ctx.cfg.disable_eip3607 = tx.is_impersonated;
        self.forget_empty(tx);
        let ran = self.machine.inspect_one(tx.env.clone(), TimeLimit::of(time));
        self.note(tx, ran)
    }

    fn forget_empty(&mut self, tx: &Tx) {
        if !tx.env.authorization_list.is_empty() {
            self.emptied
                .extend(forget_empty(&mut self.machine.ctx.journaled_state.state));
        }
    }

    fn note(&mut self, tx: &Arc<Tx>, ran: Ran) -> Result<(), Failed> {
        let result = ran.map_err(|error| failure(error, tx))?;
        let gas = result.tx_gas_used();
        let results = &mut self.results;
        results.total_gas += gas;
        results.gas_used.push(gas);
        results.created.push(result.created_address());
        let (receipt, bloom) = receipt(tx.env.tx_type, results.total_gas, result);
        results.receipts.push(receipt);
        results.bloom |= bloom;
        results.hashes.push(tx.hash);
        self.raws.push(tx.raw.clone());
        if self.known_senders.insert(tx.sender()) {
            self.senders.push(tx.sender());
        }
        Ok(())
    }

    /// The closing system calls; what remains is hashing, which any thread may do.
    pub fn close(mut self) -> Result<Closed<'a>, Fault> {
        let withdrawals = eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS;
        self.system_call(withdrawals, Bytes::new())?;
        let consolidations = eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS;
        self.system_call(consolidations, Bytes::new())?;
        for address in std::mem::take(&mut self.emptied) {
            let state = &mut self.machine.ctx.journaled_state.state;
            state.entry(address).and_modify(Account::mark_touch);
        }
        let ended = self.machine.finalize();
        let senders = self.senders.iter().map(|sender| {
            let info = ended.get(sender).map(|account| account.info.clone());
            let info = info.unwrap_or_default();
            (*sender, info.nonce, info.balance)
        });
        let touched = senders.collect();
        let changes = self.machine.ctx.journaled_state.database.changes(ended)?;
        let (state, raws, results) = (self.state, self.raws, self.results);
        Ok(Closed { state, raws, results, changes, touched })
    }

    fn system_call(&mut self, contract: Address, data: Bytes) -> Result<(), Fault> {
        let db = &mut self.machine.ctx.journaled_state.database;
        let code = db.basic(contract)?.map_or(KECCAK256_EMPTY, |info| info.code_hash);
        if code == KECCAK256_EMPTY {
            return Ok(());
        }
        match self.machine.system_call_one(contract, data) {
            Ok(ExecutionResult::Success { .. }) => Ok(()),
            Err(EVMError::Database(fault)) => Err(fault),
            other => Err(Fault::new(format!(
                "the system contract {contract} failed ({other:?}); its code in the genesis is \
                 not the one of its EIP"
            ))),
        }
    }
}

type Ran = Result<ExecutionResult, EVMError<Fault>>;

fn failure(error: EVMError<Fault>, tx: &Tx) -> Failed {
    let reason = match error {
        EVMError::Transaction(reason) => reason,
        EVMError::Database(fault) => return Failed::Fault(fault),
        EVMError::Custom(reason) if reason == TIMED_OUT => {
            let message = "ran longer than a block may take to build";
            return Failed::Refused(Refusal::new(Kind::Unbuildable, message));
        }
        other => {
            return Failed::Fault(Fault::new(format!("the machine failed: {other}")));
        }
    };
    let refusal = match reason {
        InvalidTransaction::RejectCallerWithCode => {
            Refusal::new(Kind::SenderHasCode, "the sender is a contract (EIP-3607)")
        }
        InvalidTransaction::NonceTooLow { tx, state } => Refusal::new(
            Kind::NonceTooLow,
            format!("nonce {tx}, the account is at {state}"),
        ),
        InvalidTransaction::NonceTooHigh { tx, state } => Refusal::new(
            Kind::NonceTooHigh,
            format!("nonce {tx}, the account is at {state}"),
        ),
        // The machine counts fees in 128 bits; nobody owns what is beyond.
        InvalidTransaction::LackOfFundForMaxFee { .. }
        | InvalidTransaction::OverflowPaymentInTransaction => Refusal::new(
            Kind::InsufficientFunds,
            format!("needs {} wei, the sender has less", tx.max_cost),
        ),
        InvalidTransaction::NonceOverflowInTransaction => {
            Refusal::new(Kind::NonceMax, "the nonce is the last one")
        }
        other => Refusal::new(Kind::Unbuildable, other.to_string()),
    };
    Failed::Refused(refusal)
}

fn receipt(
    tx_type: u8,
    cumulative_gas_used: u64,
    result: ExecutionResult,
) -> (Vec<u8>, Bloom) {
    let status = Eip658Value::Eip658(result.is_success());
    // What a failed transaction logged is undone with it.
    let logs: Vec<Log> =
        if result.is_success() { result.into_logs() } else { Vec::new() };
    let receipt: ReceiptWithBloom<Receipt> =
        Receipt { status, cumulative_gas_used, logs }.with_bloom();
    let mut encoded = Vec::with_capacity(receipt.length() + 1);
    if tx_type != 0 {
        encoded.push(tx_type);
    }
    receipt.encode(&mut encoded);
    (encoded, receipt.logs_bloom)
}

/// Root of the trie of a list, keyed by RLP of the positions.
pub fn list_root<T: AsRef<[u8]>>(items: &[T]) -> B256 {
    if items.is_empty() {
        return EMPTY_ROOT;
    }
    alloy_trie::root::ordered_trie_root_encoded(items)
}
