//! Pages: the parts of a trie that the store reads and writes as one.
//!
//! A sub-trie of at most `PAGE_LEAVES` leaves is one page; the branches above pages are
//! directories and stay in memory. A page that the store holds may give up its content
//! and gets it back at the next read. Its hash is checked then, so that a damaged file
//! is noticed before anything is built on it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use alloy_primitives::B256;

use super::disk;
use super::evict::Evictable;
use super::node::{Link, Reference, Value};
use crate::error::Fault;

/// Bytes of memory that one changed leaf leaves behind in the older version, about.
const REPLACED_BYTES: usize = 400;

/// Where records of the trie come from, and what is counted about them.
pub trait Source: Send + Sync {
    /// The record of a page or directory. A missing one is a fault.
    fn load(&self, key: &[u8]) -> Result<Vec<u8>, Fault>;
    fn meter(&self) -> &Meter;
}

/// Memory that pages take, and the clock that ages them.
#[derive(Default)]
pub struct Meter {
    pub resident_bytes: AtomicUsize,
    pub loads: AtomicUsize,
    /// Advances with every committed block.
    pub clock: AtomicU32,
}

/// One trie among those of a store: the accounts, or the storage of one account.
#[derive(Clone)]
pub struct Space {
    pub source: Arc<dyn Source>,
    pub owner: Option<B256>,
    /// Whether large updates may use the thread pool.
    pub parallel: bool,
    /// Where an update notes the pages of which it made newer ones.
    pub replaced: Option<Arc<Mutex<Replaced>>>,
}

/// Pages that a newer version no longer contains.
pub type Replaced = Vec<Weak<dyn Evictable>>;

impl Space {
    pub fn new(source: Arc<dyn Source>, owner: Option<B256>) -> Self {
        Self { source, owner, parallel: false, replaced: None }
    }

    /// The key in the store of what hangs at a path of nibbles.
    pub fn key(&self, path: &[u8]) -> Box<[u8]> {
        let mut key = Vec::with_capacity(33 + path.len());
        match &self.owner {
            None => key.push(0),
            Some(owner) => {
                key.push(1);
                key.extend_from_slice(owner.as_slice());
            }
        }
        key.extend_from_slice(path);
        key.into_boxed_slice()
    }

    /// The space and the path that a key names.
    pub fn split(key: &[u8]) -> (Option<B256>, &[u8]) {
        match key.first() {
            Some(1) => (Some(B256::from_slice(&key[1..33])), &key[33..]),
            _ => (None, &key[1..]),
        }
    }
}

/// A sub-trie that is read and written as one.
pub struct Page<V: Value> {
    pub reference: Reference,
    pub count: u32,
    pub key: Box<[u8]>,
    content: Mutex<Option<Link<V>>>,
    weight: AtomicUsize,
    is_saved: AtomicBool,
    is_superseded: AtomicBool,
    used: AtomicU32,
    source: Arc<dyn Source>,
}

impl<V: Value> Page<V> {
    /// A page that the store does not hold yet.
    pub fn new(space: &Space, path: &[u8], content: Link<V>) -> Arc<Self> {
        let (reference, count) = (content.reference, content.count);
        let page = Self::make(reference, count, space.key(path), &space.source);
        page.set_weight(count as usize * V::LEAF_BYTES);
        *page.lock() = Some(content);
        Arc::new(page)
    }

    /// A page that the store holds under `key`.
    pub fn stored(
        reference: Reference,
        count: u32,
        key: Box<[u8]>,
        source: &Arc<dyn Source>,
    ) -> Arc<Self> {
        let page = Self::make(reference, count, key, source);
        page.is_saved.store(true, Ordering::Relaxed);
        Arc::new(page)
    }

    fn make(
        reference: Reference,
        count: u32,
        key: Box<[u8]>,
        source: &Arc<dyn Source>,
    ) -> Self {
        Self {
            reference,
            count,
            key,
            content: Mutex::new(None),
            weight: AtomicUsize::new(0),
            is_saved: AtomicBool::new(false),
            is_superseded: AtomicBool::new(false),
            used: AtomicU32::new(source.meter().clock.load(Ordering::Relaxed)),
            source: source.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Link<V>>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sub-trie, loaded when it is not here.
    pub fn content(&self) -> Result<Link<V>, Fault> {
        let meter = self.source.meter();
        self.used.store(meter.clock.load(Ordering::Relaxed), Ordering::Relaxed);
        let mut content = self.lock();
        if let Some(link) = &*content {
            return Ok(link.clone());
        }
        // The lock is held while loading: a writer that replaces this page in the store
        // has read it first, so what is loaded is this version.
        let link = disk::read_page(&self.key, &self.source)?;
        if link.reference != self.reference || link.count != self.count {
            return Err(Fault::corrupt("a page does not have the hash it should have"));
        }
        self.set_weight(self.count as usize * V::LEAF_BYTES);
        meter.loads.fetch_add(1, Ordering::Relaxed);
        *content = Some(link.clone());
        Ok(link)
    }

    /// The sub-trie if it is in memory.
    pub fn resident(&self) -> Option<Link<V>> {
        self.lock().clone()
    }

    /// Notes that a newer version was made of this page: the store may soon hold that
    /// one, so this content must stay while anything reads it.
    pub fn supersede(self: &Arc<Self>, changes: usize, space: &Space) {
        if let Some(replaced) = &space.replaced {
            let page: Weak<dyn Evictable> = Arc::<Self>::downgrade(self);
            replaced.lock().unwrap_or_else(PoisonError::into_inner).push(page);
        }
        self.keep(changes);
    }

    /// Keeps the content until this version is gone; `changes` leaves of it are its own.
    pub fn keep(&self, changes: usize) {
        self.is_superseded.store(true, Ordering::Relaxed);
        self.set_weight(
            (changes * REPLACED_BYTES).min(self.count as usize * V::LEAF_BYTES),
        );
    }

    /// Undoes `supersede` for a page that belongs to the newest state after all.
    pub fn restore(&self) {
        self.is_superseded.store(false, Ordering::Relaxed);
        if self.lock().is_some() {
            self.set_weight(self.count as usize * V::LEAF_BYTES);
        }
    }

    pub fn is_saved(&self) -> bool {
        self.is_saved.load(Ordering::Relaxed)
    }

    pub fn mark_saved(&self) {
        self.is_saved.store(true, Ordering::Relaxed);
    }

    /// The block at which it was read last.
    pub fn used(&self) -> u32 {
        self.used.load(Ordering::Relaxed)
    }

    /// Gives up the content; false when the store could not give it back.
    pub fn evict(&self) -> bool {
        if !self.is_saved() || self.is_superseded.load(Ordering::Relaxed) {
            return false;
        }
        let evicted = self.lock().take();
        self.set_weight(0);
        evicted.is_some()
    }

    /// Gives up the content of a page that nothing reads any more, though a checkpoint
    /// still compares it by its identity; false when it has to be written first.
    pub fn release(&self) -> bool {
        if V::HAS_TRIE || !self.is_saved() {
            return V::HAS_TRIE;
        }
        let content = self.lock().take();
        self.set_weight(0);
        drop(content);
        true
    }

    fn set_weight(&self, weight: usize) {
        let resident = &self.source.meter().resident_bytes;
        resident.fetch_add(weight, Ordering::Relaxed);
        resident
            .fetch_sub(self.weight.swap(weight, Ordering::Relaxed), Ordering::Relaxed);
    }
}

impl<V: Value> Drop for Page<V> {
    fn drop(&mut self) {
        self.set_weight(0);
    }
}
