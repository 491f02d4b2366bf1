//! The state on disk: one redb file that moves from checkpoint to checkpoint.
//!
//! The block log is the truth and is synced with every block; the state is not. A
//! checkpoint writes what changed since the last one in one atomic transaction, in the
//! background. Killed at any instant, the file opens at its last checkpoint and the node
//! executes the blocks that follow again.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use alloy_primitives::{B256, Bytes, KECCAK256_EMPTY};
use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Database, ReadableDatabase, StorageBackend, TableDefinition};
use revm::bytecode::Bytecode;

use crate::error::{Fault, Trouble};
use crate::state::{Account, State};
use crate::trie::disk::{self, Saveable, Sink};
use crate::trie::node::take;
use crate::trie::{Link, Meter, Source};

/// Records of tries, by `Space::key`.
const TRIE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("trie");
const CODE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("code");
/// What a block replaced, by its number.
const UNDO: TableDefinition<u64, &[u8]> = TableDefinition::new("undo");
/// Block hash by number, and back.
const DIGESTS: TableDefinition<u64, &[u8]> = TableDefinition::new("digests");
const NUMBERS: TableDefinition<&[u8], u64> = TableDefinition::new("numbers");
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const FORMAT: &[u8] = b"chandlery-state-1";

/// Blocks whose hashes BLOCKHASH can see.
pub const ANCESTORS: usize = 256;
/// Code kept in memory, at most.
const CODE_CACHE_BYTES: usize = 64 << 20;
/// What redb may cache of its file.
const FILE_CACHE_BYTES: usize = 32 << 20;

/// A committed block, as far as the state is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub number: u64,
    pub digest: B256,
    /// Hashes of the block and those before it, newest first.
    pub ancestors: Vec<B256>,
}

impl Position {
    /// The position of the block that comes next.
    pub fn followed_by(&self, digest: B256) -> Self {
        let mut ancestors = Vec::with_capacity(ANCESTORS);
        ancestors.push(digest);
        ancestors.extend(self.ancestors.iter().take(ANCESTORS - 1));
        Self { number: self.number + 1, digest, ancestors }
    }
}

/// Everything that one checkpoint makes durable.
pub struct Checkpoint {
    pub old: State,
    pub new: State,
    pub position: Position,
    pub codes: Vec<(B256, Bytes)>,
    pub blocks: Vec<Past>,
    /// What is known of lower blocks is removed.
    pub keep_from: u64,
}

/// What is kept of a committed block to read the states before it.
#[derive(Clone)]
pub struct Past {
    pub number: u64,
    pub digest: B256,
    /// `history::encode` of what the block replaced.
    pub undo: Arc<Vec<u8>>,
}

/// The file, and what is kept of it in memory.
pub struct Store {
    /// Empty once closed.
    database: RwLock<Option<Database>>,
    meter: Meter,
    codes: Mutex<Codes>,
    is_broken: AtomicBool,
    keeps_names: bool,
}

#[derive(Default)]
struct Codes {
    /// Committed, but in no checkpoint yet.
    fresh: HashMap<B256, Bytecode>,
    cached: HashMap<B256, Bytecode>,
    cached_bytes: usize,
}

impl Store {
    /// Opens or makes the file in a folder; without one the state lives in memory.
    pub fn open(folder: Option<&Path>) -> Result<Self, Trouble> {
        let Some(folder) = folder else {
            return Self::on(InMemoryBackend::new());
        };
        std::fs::create_dir_all(folder).map_err(Fault::from)?;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(folder.join("state.redb")).map_err(Fault::from)?;
        Self::on(FileBackend::new(file).map_err(Fault::from)?)
    }

    /// A store over any backend; tests make ones that break.
    pub fn on(backend: impl StorageBackend) -> Result<Self, Trouble> {
        clear_unfinished(&backend).map_err(Fault::from)?;
        let mut builder = Database::builder();
        builder.set_cache_size(FILE_CACHE_BYTES);
        let made = builder
            .create_with_backend(backend)
            .map_err(|error| match error {
                redb::DatabaseError::DatabaseAlreadyOpen => Trouble::Usage(
                    "the state folder is in use by another process; stop that node first".into(),
                ),
                other => Trouble::Fault(other.into()),
            })?;
        Self::over(made)
    }

    /// A store of code alone, for states that stay in memory and are never saved; with it
    /// executions note what addresses and slots they change (`Changes::names`).
    pub fn of_code() -> Self {
        Self { keeps_names: true, ..Self::made(None) }
    }

    fn made(database: Option<Database>) -> Self {
        Self {
            database: RwLock::new(database),
            meter: Meter::default(),
            codes: Mutex::default(),
            is_broken: AtomicBool::new(false),
            keeps_names: false,
        }
    }

    pub fn keeps_names(&self) -> bool {
        self.keeps_names
    }

    fn over(database: Database) -> Result<Self, Trouble> {
        let store = Self::made(Some(database));
        match store.meta("format")? {
            Some(found) if found != FORMAT => Err(Trouble::Usage(format!(
                "the state folder has the format {}, this program reads {}; use the program \
                 that made it, or remove the folder: the node rebuilds it from its block log",
                String::from_utf8_lossy(&found),
                String::from_utf8_lossy(FORMAT),
            ))),
            _ => Ok(store),
        }
    }

    /// Releases the file. What is in memory stays readable, the rest is a fault.
    pub fn close(&self) {
        let mut database =
            self.database.write().unwrap_or_else(PoisonError::into_inner);
        *database = None;
    }

    fn with<T>(
        &self,
        run: impl FnOnce(&Database) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        run(database.as_ref().ok_or_else(|| Fault::new("the executor is closed"))?)
    }

    /// A value, or none if it or its whole table is missing.
    fn get<K: redb::Key, V: redb::Value, T>(
        &self,
        table: TableDefinition<K, V>,
        key: K::SelfType<'_>,
        read: impl FnOnce(V::SelfType<'_>) -> T,
    ) -> Result<Option<T>, Fault> {
        self.with(|database| {
            let reading = database.begin_read()?;
            let table = match reading.open_table(table) {
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
                table => table?,
            };
            Ok(table.get(key)?.map(|found| read(found.value())))
        })
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.get(META, name, <[u8]>::to_vec)
    }

    /// The newest checkpoint; none in a new store. Refuses another chain's.
    pub fn load(
        self: &Arc<Self>,
        genesis: B256,
        empty: &State,
    ) -> Result<Option<(Position, State)>, Trouble> {
        let Some(record) = self.meta("head")? else {
            return Ok(None);
        };
        if self.meta("genesis")?.as_deref() != Some(genesis.as_slice()) {
            return Err(Trouble::Usage(
                "the state folder belongs to another network (its genesis differs); name \
                 the folder of this network"
                    .into(),
            ));
        }
        let from = &mut &record[..];
        let number = u64::from_be_bytes(array(take(from, 8)?));
        let root = B256::from_slice(take(from, 32)?);
        let accounts: Option<Link<Account>> = match take(from, 1)?[0] {
            0 => None,
            _ => Some(disk::read_link(empty.space(), &[], from)?),
        };
        let ancestors: Vec<B256> =
            from.chunks_exact(32).map(B256::from_slice).collect();
        let state = empty.with_accounts(accounts);
        let digest = *ancestors.first().ok_or_else(|| Fault::corrupt("no head"))?;
        if state.root() != root {
            return Err(Fault::corrupt("the state root is another").into());
        }
        Ok(Some((Position { number, digest, ancestors }, state)))
    }

    /// Makes a checkpoint durable, and marks its pages as loadable.
    pub fn save(&self, checkpoint: &Checkpoint, genesis: B256) -> Result<(), Fault> {
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(Fault::new(
                "state store: an earlier write failed; restart the node",
            ));
        }
        let saved = self.write(checkpoint, genesis);
        if saved.is_err() {
            // What the file holds is unknown now: never retry, a restart finds out.
            self.is_broken.store(true, Ordering::Relaxed);
        }
        for page in saved? {
            page.mark_saved();
        }
        self.forget_fresh(&checkpoint.codes);
        Ok(())
    }

    fn write(
        &self,
        checkpoint: &Checkpoint,
        genesis: B256,
    ) -> Result<Vec<Arc<dyn Saveable>>, Fault> {
        let mut writing = self.with(|database| Ok(database.begin_write()?))?;
        writing.set_quick_repair(true);
        let written = {
            let mut trie =
                Records { table: writing.open_table(TRIE)?, written: Vec::new() };
            let (old, new) = (&checkpoint.old, &checkpoint.new);
            disk::write_changes(
                new.space(),
                old.accounts.as_ref(),
                new.accounts.as_ref(),
                &mut trie,
            )?;
            let mut code = writing.open_table(CODE)?;
            for (hash, bytes) in &checkpoint.codes {
                code.insert(hash.as_slice(), &bytes[..])?;
            }
            write_blocks(&writing, checkpoint)?;
            let mut meta = writing.open_table(META)?;
            meta.insert("format", FORMAT)?;
            meta.insert("genesis", genesis.as_slice())?;
            meta.insert("head", &head_record(checkpoint)[..])?;
            trie.written
        };
        writing.commit()?;
        Ok(written)
    }

    /// What block `number` replaced, if that is still held.
    pub fn undo(&self, number: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.get(UNDO, number, <[u8]>::to_vec)
    }

    /// The height of a committed block that is still held.
    pub fn number(&self, digest: &B256) -> Result<Option<u64>, Fault> {
        self.get(NUMBERS, digest.as_slice(), |number| number)
    }

    /// The hash of a committed block that is still held.
    pub fn digest(&self, number: u64) -> Result<Option<B256>, Fault> {
        self.get(DIGESTS, number, B256::from_slice)
    }

    /// The code with a hash. A missing one is a fault: the state names it.
    pub fn code(&self, hash: &B256) -> Result<Bytecode, Fault> {
        if *hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = codes.fresh.get(hash).or_else(|| codes.cached.get(hash)) {
            return Ok(found.clone());
        }
        let record = self.get(CODE, hash.as_slice(), <[u8]>::to_vec)?;
        let record =
            record.ok_or_else(|| Fault::corrupt("a contract's code is missing"))?;
        let code = decode_code(record.into())?;
        codes.cached_bytes += code.len();
        if codes.cached_bytes > CODE_CACHE_BYTES {
            codes.cached.clear();
            codes.cached_bytes = code.len();
        }
        codes.cached.insert(*hash, code.clone());
        Ok(code)
    }

    /// Keeps code of a committed block until a checkpoint holds it.
    pub fn add_code(&self, hash: B256, code: Bytecode) {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.fresh.insert(hash, code);
    }

    /// How many codes were added that are in no checkpoint yet.
    pub fn fresh_code_count(&self) -> usize {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner).fresh.len()
    }

    /// Whether code of this hash was added and is in no checkpoint yet.
    pub fn has_fresh_code(&self, hash: &B256) -> bool {
        let codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.fresh.contains_key(hash)
    }

    /// Forgets code that `add_code` brought.
    pub fn remove_code(&self, hash: &B256) {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.fresh.remove(hash);
    }

    fn forget_fresh(&self, saved: &[(B256, Bytes)]) {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        for (hash, bytes) in saved {
            if let Some(code) = codes.fresh.remove(hash)
                && codes.cached_bytes + bytes.len() <= CODE_CACHE_BYTES
            {
                codes.cached_bytes += bytes.len();
                codes.cached.insert(*hash, code);
            }
        }
    }
}

/// Empties a file whose making was cut short: redb writes its mark last, and until then
/// nothing can be in it.
fn clear_unfinished(backend: &impl StorageBackend) -> std::io::Result<()> {
    let mut mark = [0; 9];
    if backend.len()? >= mark.len() as u64 {
        backend.read(0, &mut mark)?;
    }
    match backend.len()? {
        0 => Ok(()),
        _ if mark == [0; 9] => backend.set_len(0),
        _ => Ok(()),
    }
}

/// Code as the EVM runs it: analysed, or an EIP-7702 delegation.
pub fn decode_code(bytes: Bytes) -> Result<Bytecode, Fault> {
    Bytecode::new_raw_checked(bytes).map_err(|_| Fault::corrupt("code has no form"))
}

fn write_blocks(
    writing: &redb::WriteTransaction,
    checkpoint: &Checkpoint,
) -> Result<(), Fault> {
    let mut undo = writing.open_table(UNDO)?;
    let mut digests = writing.open_table(DIGESTS)?;
    let mut numbers = writing.open_table(NUMBERS)?;
    for past in &checkpoint.blocks {
        undo.insert(past.number, &past.undo[..])?;
        digests.insert(past.number, past.digest.as_slice())?;
        numbers.insert(past.digest.as_slice(), past.number)?;
    }
    undo.retain_in(..checkpoint.keep_from, |_, _| false)?;
    for gone in digests.extract_from_if(..checkpoint.keep_from, |_, _| true)? {
        numbers.remove(gone?.1.value())?;
    }
    Ok(())
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut copy = [0; N];
    copy.copy_from_slice(bytes);
    copy
}

fn head_record(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut record = checkpoint.position.number.to_be_bytes().to_vec();
    record.extend_from_slice(checkpoint.new.root().as_slice());
    match &checkpoint.new.accounts {
        None => record.push(0),
        Some(root) => {
            record.push(1);
            disk::write_link(root, &mut record);
        }
    }
    for hash in &checkpoint.position.ancestors {
        record.extend_from_slice(hash.as_slice());
    }
    record
}

struct Records<'a> {
    table: redb::Table<'a, &'static [u8], &'static [u8]>,
    written: Vec<Arc<dyn Saveable>>,
}

impl Sink for Records<'_> {
    fn put(&mut self, key: &[u8], record: &[u8]) -> Result<(), Fault> {
        self.table.insert(key, record)?;
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Result<(), Fault> {
        self.table.remove(key)?;
        Ok(())
    }

    fn written(&mut self, page: Arc<dyn Saveable>) {
        self.written.push(page);
    }
}

impl Source for Store {
    fn load(&self, key: &[u8]) -> Result<Vec<u8>, Fault> {
        let record = self.get(TRIE, key, <[u8]>::to_vec)?;
        record.ok_or_else(|| Fault::corrupt("a record of the trie is missing"))
    }

    fn meter(&self) -> &Meter {
        &self.meter
    }
}
