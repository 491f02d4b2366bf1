//! `build` and `execute`: the two ways to an executed block, on any chain of states.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256};

use crate::block::{Execution, Failed, Finished, list_root};
use crate::engine::{Executed, Pending, Version, extra_data, validators_after};
use crate::error::{Kind, Refusal, Trouble};
use crate::header::{Block, Header};
use crate::machine::Env;
use crate::store::Store;
use crate::tx::{Checker, Tx};

/// How much a builder may take.
pub struct Limits {
    pub gas: u64,
    pub bytes: usize,
    pub time: Duration,
}

/// A block that was built.
pub struct Built {
    pub block: Vec<u8>,
    pub executed: Arc<Executed>,
    /// Positions of the transactions in it.
    pub included: Vec<usize>,
    /// Positions of those that can never be included as they are.
    pub refused: Vec<(usize, Refusal)>,
}

/// Committed states in a row, and blocks that wait on them: what building and executing
/// need to know of an engine.
pub trait Chain {
    fn store(&self) -> &Arc<Store>;
    fn checker(&self) -> &Arc<Checker>;
    /// The state after a committed block.
    fn version(&self, digest: &B256) -> Result<Arc<Version>, Trouble>;
    /// The result of a block that waits.
    fn pending(&self, digest: &B256) -> Option<Arc<Executed>>;
    /// Keeps an executed block until it is committed or discarded.
    fn keep(&self, pending: Pending);

    /// Executes what fits on the parent, passing over what does not, and seals a header.
    ///
    /// A nonce that is too high and a fee that is too low may be mended by time: those are
    /// passed over without a refusal.
    fn build(
        &self,
        parent_header: &[u8],
        env: Env,
        raws: &[&[u8]],
        limits: &Limits,
    ) -> Result<Built, Trouble> {
        let began = Instant::now();
        let parent_header = Header::decode(parent_header).map_err(Trouble::Usage)?;
        let parent = self.version(&parent_header.digest)?;
        follows(&parent, env.number).map_err(Trouble::Usage)?;
        let checked = self.checker().check_all(raws);
        let mut execution = begin(self, &parent, env.clone())?;
        let (mut included, mut refused) = (Vec::new(), Vec::new());
        let mut room = limits.bytes;
        for (at, checked) in checked.into_iter().enumerate() {
            if began.elapsed() >= limits.time {
                break;
            }
            let outcome = match checked {
                Err(refusal) => Err(Failed::Refused(refusal)),
                Ok(tx) if !fits(&execution, &tx, limits, room) => {
                    execution.check(&tx).map(|()| false).map_err(Failed::Refused)
                }
                Ok(tx) => execution.run_within(&tx, limits.time).map(|()| {
                    room -= tx.raw.len();
                    true
                }),
            };
            match outcome {
                Ok(true) => included.push(at),
                Ok(false) => {}
                Err(Failed::Fault(fault)) => return Err(fault.into()),
                Err(Failed::Refused(refusal)) => {
                    if !matches!(refusal.kind, Kind::NonceTooHigh | Kind::FeeTooLow) {
                        refused.push((at, refusal));
                    }
                }
            }
        }
        let closed = execution.close()?;
        let finished = self.checker().install(|| closed.finish())?;
        let validators = validators_after(&parent, &finished.state)?;
        let extra = extra_data(validators.as_deref(), &parent.extra_data);
        let header = Header::seal(&parent_header, &env, &finished, extra);
        let block = Block::encode(&header, &finished.raws);
        let executed = keep(self, &parent, &header, finished, validators);
        Ok(Built { block, executed, included, refused })
    }

    /// Executes a block on the committed state of its parent and checks its claims.
    fn execute(&self, block: &[u8]) -> Result<Arc<Executed>, Trouble> {
        let Block { header, transactions } =
            Block::decode(block).map_err(Trouble::Invalid)?;
        let number = header.inner.number;
        let parent = self.version(&header.inner.parent_hash)?;
        follows(&parent, number).map_err(Trouble::Invalid)?;
        let raws: Vec<&[u8]> =
            transactions.into_iter().map(|range| &block[range]).collect();
        if let Some(executed) = self.pending(&header.digest) {
            // The digest covers the header alone: the body must be the header's too.
            if list_root(&raws) != header.inner.transactions_root {
                let message = format!(
                    "block {number}: the transactions are not those of the header"
                );
                return Err(Trouble::Invalid(message));
            }
            return Ok(executed);
        }
        let mut execution = begin(self, &parent, header.env())?;
        for (at, checked) in self.checker().check_all(&raws).into_iter().enumerate() {
            let refused = |refusal: Refusal| {
                Trouble::Invalid(format!("transaction {at}: {refusal}"))
            };
            let tx = checked.map_err(refused)?;
            execution.check(&tx).map_err(refused)?;
            if !execution.has_room(&tx) {
                let message = format!("transaction {at} exceeds the block's gas limit");
                return Err(Trouble::Invalid(message));
            }
            execution.run(&tx).map_err(|failed| match failed {
                Failed::Refused(refusal) => refused(refusal),
                Failed::Fault(fault) => fault.into(),
            })?;
        }
        let closed = execution.close()?;
        let finished = self.checker().install(|| closed.finish())?;
        let validators = validators_after(&parent, &finished.state)?;
        let extra = extra_data(validators.as_deref(), &parent.extra_data);
        let wrong = header.differences(&finished, &extra);
        if !wrong.is_empty() {
            return Err(Trouble::Invalid(format!("block {number}: {wrong}")));
        }
        Ok(keep(self, &parent, &header, finished, validators))
    }
}

fn begin<'a, C: Chain + ?Sized>(
    chain: &'a C,
    parent: &'a Version,
    env: Env,
) -> Result<Execution<'a>, Trouble> {
    let (store, chain_id) = (chain.store(), chain.checker().chain_id());
    Ok(Execution::begin(&parent.state, store, &parent.position, chain_id, env)?)
}

fn keep<C: Chain + ?Sized>(
    chain: &C,
    parent: &Version,
    header: &Header,
    finished: Finished,
    validators: Option<Vec<Address>>,
) -> Arc<Executed> {
    let pending = Pending::new(parent, header, finished, validators);
    let executed = pending.executed.clone();
    chain.keep(pending);
    executed
}

fn follows(parent: &Version, number: u64) -> Result<(), String> {
    let expected = parent.position.number + 1;
    match number == expected {
        true => Ok(()),
        false => Err(format!(
            "block {number} does not follow its parent, block {}",
            expected - 1
        )),
    }
}

fn fits(execution: &Execution<'_>, tx: &Tx, limits: &Limits, room: usize) -> bool {
    let gas = execution.results.total_gas.saturating_add(tx.env.gas_limit);
    gas <= limits.gas && execution.has_room(tx) && tx.raw.len() <= room
}
