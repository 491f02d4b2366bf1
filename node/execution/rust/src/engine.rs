//! The executor: committed states, executed blocks that wait, checkpoints.
//!
//! `build` and `execute` run on a committed state without touching it and leave a pending
//! block; `commit` makes one of them the head and drops its siblings. Calls that change
//! anything come one at a time; views may be read by any thread meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy_primitives::{Address, B256, Bytes, U256, address};
use serde_json::Value;

use crate::block::Finished;
use crate::database::Changes;
use crate::error::{Fault, Trouble};
use crate::genesis;
use crate::header::Header;
use crate::phases::{Phase, Span};
use crate::propose::Chain;
use crate::saver::Saver;
use crate::state::State;
use crate::store::{Checkpoint, Past, Position, Store};
use crate::trie::{Replaced, Source};
use crate::tx::Checker;
use crate::window::{Window, resident};

/// Executed blocks that may wait; the oldest gives way (`MAX_PENDING_BLOCKS`).
const PENDING_BLOCKS: usize = 16;
/// Changed accounts and slots from which on a checkpoint is due.
const CHECKPOINT_CHANGES: usize = 1_000_000;

/// Where the validator set lies (`node/chain/validator_contract.py`).
const VALIDATOR_CONTRACT: Address =
    address!("0x0000000000000000000000000000000000007101");
const MAX_VALIDATORS: u64 = 64;

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// States of committed blocks that stay readable.
    pub window: u64,
    /// Keep what is needed to read every state.
    pub is_archive: bool,
    /// Blocks between two checkpoints.
    pub checkpoint_blocks: usize,
    /// Memory of this executor, about.
    pub memory_bytes: usize,
    /// Threads for signatures and large tries.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            window: 128,
            is_archive: false,
            checkpoint_blocks: 128,
            memory_bytes: 1 << 30,
            threads: 1,
        }
    }
}

/// The state after a committed or pending block.
pub struct Version {
    pub position: Position,
    pub state: State,
    pub extra_data: Bytes,
    pub validators: Option<Vec<Address>>,
    /// Changed accounts and slots against the version before.
    pub change_count: usize,
    /// Pages of the version before that this one does not contain.
    pub replaced: Mutex<Replaced>,
}

/// What the node learns of an executed block.
pub struct Executed {
    pub digest: B256,
    pub state_root: B256,
    pub receipts: Vec<Vec<u8>>,
    pub gas_used: Vec<u64>,
    pub created: Vec<Option<Address>>,
    pub validators: Option<Vec<Address>>,
    pub touched: Vec<(Address, u64, U256)>,
}

/// An executed block that is neither committed nor discarded.
pub struct Pending {
    pub parent: B256,
    pub version: Arc<Version>,
    pub changes: Changes,
    pub executed: Arc<Executed>,
    /// Of its transactions.
    pub hashes: Vec<B256>,
}

impl Pending {
    pub fn new(
        parent: &Version,
        header: &Header,
        finished: Finished,
        validators: Option<Vec<Address>>,
    ) -> Self {
        let executed = Executed {
            digest: header.digest,
            state_root: finished.state_root,
            receipts: finished.results.receipts,
            gas_used: finished.results.gas_used,
            created: finished.results.created,
            validators: validators.clone(),
            touched: finished.touched,
        };
        let version = Version {
            position: parent.position.followed_by(header.digest),
            state: finished.state,
            extra_data: header.inner.extra_data.clone(),
            validators,
            change_count: finished.changes.count(),
            replaced: Mutex::new(finished.replaced),
        };
        Self {
            parent: parent.position.digest,
            version: Arc::new(version),
            changes: finished.changes,
            executed: Arc::new(executed),
            hashes: finished.results.hashes,
        }
    }
}

/// See the module's comment.
pub struct Engine {
    pub store: Arc<Store>,
    pub checker: Arc<Checker>,
    settings: Settings,
    inner: Mutex<Inner>,
    saver: Mutex<Saver>,
}

struct Inner {
    window: Window,
    pending: Vec<Pending>,
    /// The state that the last checkpoint, made or under way, holds.
    saved: State,
    unsaved: Unsaved,
    /// Pages are only given up once per checkpoint.
    evicted_at: u64,
}

#[derive(Default)]
struct Unsaved {
    codes: Vec<(B256, Bytes)>,
    blocks: usize,
    change_count: usize,
}

impl Engine {
    /// Opens the state in a folder, or begins it with the genesis; without a folder it
    /// lives in memory. `header` is the genesis block's, in RLP.
    pub fn open(
        folder: Option<&Path>,
        genesis: &Value,
        header: &[u8],
        settings: Settings,
    ) -> Result<Self, Trouble> {
        Self::with_store(Store::open(folder)?, genesis, header, settings)
    }

    pub fn with_store(
        store: Store,
        genesis: &Value,
        header: &[u8],
        settings: Settings,
    ) -> Result<Self, Trouble> {
        let header = Header::decode(header).map_err(Trouble::Usage)?;
        let chain_id = genesis["config"]["chainId"].as_u64();
        let chain_id =
            chain_id.ok_or_else(|| Trouble::Usage("genesis: no chain id".into()))?;
        let checker = Checker::new(chain_id, settings.threads)
            .map_err(|error| Fault::new(format!("threads: {error}")))?;
        let store = Arc::new(store);
        let empty = State::empty(store.clone(), settings.threads > 1);
        let (position, state) = match store.load(header.digest, &empty)? {
            Some(found) => found,
            None => begin(&store, genesis, &header, &empty)?,
        };
        let validators = read_validators(&state)?;
        let version = Version {
            extra_data: extra_data(validators.as_deref(), &header.inner.extra_data),
            validators,
            position: position.clone(),
            state: state.clone(),
            change_count: 0,
            replaced: Mutex::default(),
        };
        let saver = Saver::start(store.clone(), header.digest, position)?;
        let inner = Inner {
            window: Window::new(store.clone(), Arc::new(version), &settings),
            pending: Vec::new(),
            saved: state,
            unsaved: Unsaved::default(),
            evicted_at: 0,
        };
        let (inner, saver) = (Mutex::new(inner), Mutex::new(saver));
        Ok(Self { store, checker: Arc::new(checker), settings, inner, saver })
    }

    /// (bytes of pages in memory, pages read from the store so far).
    pub fn memory(&self) -> (usize, usize) {
        let meter = self.store.meter();
        (resident(&self.store), meter.loads.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saver(&self) -> MutexGuard<'_, Saver> {
        self.saver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest block whose state would survive a crash.
    pub fn durable(&self) -> Position {
        self.saver().durable()
    }

    /// The newest committed block.
    pub fn head(&self) -> Arc<Version> {
        self.lock().window.head()
    }

    /// Makes an executed block the head. Committing a committed block does nothing.
    pub fn commit(&self, digest: &B256) -> Result<(), Trouble> {
        let _span = Span::begin(Phase::Commit);
        self.saver().check()?;
        let mut inner = self.lock();
        let found =
            inner.pending.iter().position(|pending| pending.executed.digest == *digest);
        let Some(at) = found else {
            return match inner.window.height(digest)? {
                Some(_) => Ok(()),
                None => Err(Trouble::Unknown(*digest)),
            };
        };
        let number = inner.pending[at].version.position.number;
        if inner.pending[at].parent != inner.window.head().position.digest {
            let message = format!("block {number} does not follow the committed head");
            return Err(Fault::new(message).into());
        }
        let chosen = inner.pending.swap_remove(at);
        let siblings = std::mem::take(&mut inner.pending);
        for (hash, code) in &chosen.changes.codes {
            self.store.add_code(*hash, code.clone());
            inner.unsaved.codes.push((*hash, code.original_bytes()));
        }
        inner.unsaved.blocks += 1;
        inner.unsaved.change_count += chosen.version.change_count;
        drop(inner.window.push(chosen.version, &chosen.changes.before));
        inner.window.release();
        self.give_up_pages(&mut inner)?;
        let due = self.due_checkpoint(&mut inner);
        drop(inner);
        drop(siblings);
        self.checker.forget(&chosen.hashes);
        if let Some(checkpoint) = due {
            self.saver().save(checkpoint)?;
        }
        Ok(())
    }

    /// Forgets an executed block; an unknown one is nothing to forget.
    pub fn discard(&self, digest: &B256) {
        let mut inner = self.lock();
        let is_other = |pending: &Pending| pending.executed.digest != *digest;
        let (kept, dropped) =
            std::mem::take(&mut inner.pending).into_iter().partition(is_other);
        inner.pending = kept;
        drop(inner);
        drop::<Vec<Pending>>(dropped);
    }

    /// Makes everything committed durable.
    pub fn flush(&self) -> Result<(), Fault> {
        let checkpoint = {
            let mut inner = self.lock();
            (inner.unsaved.blocks > 0).then(|| self.checkpoint(&mut inner))
        };
        let saver = self.saver();
        if let Some(checkpoint) = checkpoint {
            saver.save(checkpoint)?;
        }
        saver.flush()
    }

    /// Flushes and releases the file. Views keep what they have in memory.
    pub fn close(&self) -> Result<(), Fault> {
        let flushed = self.flush();
        self.saver().stop();
        self.store.close();
        flushed
    }

    /// A checkpoint when enough has gathered. While one is being written more may gather,
    /// up to four times as much; then the next commit waits for the disk.
    fn due_checkpoint(&self, inner: &mut Inner) -> Option<Checkpoint> {
        let saver = self.saver();
        let durable = saver.durable().number;
        inner.window.forget_saved(durable, &self.settings);
        let unsaved = &inner.unsaved;
        let is_idle = saver.is_idle();
        let factor = if is_idle { 1 } else { 4 };
        // Only what is saved can leave the memory.
        let is_short = is_idle && resident(&self.store) > self.page_bytes();
        let is_due = is_short
            || unsaved.blocks >= factor * self.settings.checkpoint_blocks
            || unsaved.change_count >= factor * CHECKPOINT_CHANGES;
        drop(saver);
        is_due.then(|| self.checkpoint(inner))
    }

    fn checkpoint(&self, inner: &mut Inner) -> Checkpoint {
        let head = inner.window.head();
        let unsaved = std::mem::take(&mut inner.unsaved);
        let number = head.position.number;
        let keep_from = match self.settings.is_archive {
            true => 0,
            false => number.saturating_sub(self.settings.window),
        };
        Checkpoint {
            old: std::mem::replace(&mut inner.saved, head.state.clone()),
            new: head.state.clone(),
            position: head.position.clone(),
            codes: unsaved.codes,
            blocks: inner.window.unsaved(),
            keep_from,
        }
    }

    /// What pages may take; the rest is for the window, code and the file's cache.
    fn page_bytes(&self) -> usize {
        self.settings.memory_bytes / 2
    }

    /// Gives up the pages that were read longest ago once memory is above its setting.
    fn give_up_pages(&self, inner: &mut Inner) -> Result<(), Fault> {
        let limit = self.settings.memory_bytes / 2;
        let durable = self.saver().durable().number;
        if crate::window::resident(&self.store) <= limit || durable <= inner.evicted_at
        {
            return Ok(());
        }
        inner.evicted_at = durable;
        inner.window.head().state.give_up_pages(limit / 10 * 8)
    }
}

impl Chain for Engine {
    fn store(&self) -> &Arc<Store> {
        &self.store
    }

    fn checker(&self) -> &Arc<Checker> {
        &self.checker
    }

    fn version(&self, digest: &B256) -> Result<Arc<Version>, Trouble> {
        if let Some(version) = self.lock().window.recent(digest) {
            return Ok(version);
        }
        let rewind = self.lock().window.rewind(digest)?;
        // Going back takes long: not under the lock.
        let version = Arc::new(rewind.run(&self.store)?);
        self.lock().window.remember(version.clone());
        Ok(version)
    }

    fn pending(&self, digest: &B256) -> Option<Arc<Executed>> {
        let inner = self.lock();
        let found =
            inner.pending.iter().find(|pending| pending.executed.digest == *digest);
        found.map(|pending| pending.executed.clone())
    }

    fn keep(&self, pending: Pending) {
        let mut inner = self.lock();
        let head = inner.window.head().position.number;
        keep_latest(&mut inner.pending, pending, head);
    }
}

/// Adds a block that follows the head; one that was executed again below it has nothing
/// to wait for. The oldest gives way.
pub fn keep_latest(all: &mut Vec<Pending>, pending: Pending, head: u64) {
    if pending.version.position.number <= head {
        return;
    }
    while all.len() >= PENDING_BLOCKS {
        all.remove(0);
    }
    all.push(pending);
}

/// Builds the genesis state and makes it durable.
fn begin(
    store: &Arc<Store>,
    genesis: &Value,
    header: &Header,
    empty: &State,
) -> Result<(Position, State), Trouble> {
    let first = genesis::first_state(&genesis["alloc"], empty)?;
    if first.state.root() != header.inner.state_root {
        return Err(Trouble::Usage(format!(
            "the genesis state has the root {}, its header says {}; the file was edited: make \
             a new network",
            first.state.root(),
            header.inner.state_root
        )));
    }
    let position =
        Position { number: 0, digest: header.digest, ancestors: vec![header.digest] };
    let checkpoint = Checkpoint {
        old: empty.clone(),
        new: first.state.clone(),
        position: position.clone(),
        codes: first.codes,
        blocks: vec![Past { number: 0, digest: header.digest, undo: Arc::default() }],
        keep_from: 0,
    };
    store.save(&checkpoint, header.digest)?;
    Ok((position, first.state))
}

/// The validator set in a state, ascending; none when its storage is malformed.
pub fn read_validators(state: &State) -> Result<Option<Vec<Address>>, Fault> {
    let slot = |at: u64| state.slot(&VALIDATOR_CONTRACT, &U256::from(at));
    let length = slot(0)?;
    if length.is_zero() || length > U256::from(MAX_VALIDATORS) {
        return Ok(None);
    }
    let words: Result<Vec<U256>, Fault> = (1..=length.to()).map(slot).collect();
    let words = words?;
    let is_sound = words.is_sorted_by(|a, b| a < b)
        && !words[0].is_zero()
        && words[words.len() - 1].bit_len() <= 160;
    let to_address = |word: &U256| Address::from_word((*word).into());
    Ok(is_sound.then(|| words.iter().map(to_address).collect()))
}

/// The set after a block; read again only if the contract's storage changed.
pub fn validators_after(
    parent: &Version,
    state: &State,
) -> Result<Option<Vec<Address>>, Fault> {
    let root = |state: &State| -> Result<Option<B256>, Fault> {
        let account = state.account(&VALIDATOR_CONTRACT)?;
        Ok(account.map(|account| account.storage_root()))
    };
    if root(&parent.state)? == root(state)? {
        return Ok(parent.validators.clone());
    }
    read_validators(state)
}

/// What a header's `extraData` says of a set: its hash, or the parent's when malformed.
pub fn extra_data(validators: Option<&[Address]>, parent: &Bytes) -> Bytes {
    match validators {
        None => parent.clone(),
        Some(set) => {
            let joined: Vec<u8> = set.iter().flat_map(|address| address.0.0).collect();
            alloy_primitives::keccak256(joined).into()
        }
    }
}
