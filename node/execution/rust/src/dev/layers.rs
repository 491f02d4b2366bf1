//! The states of a dev chain, one layer for each block and each edit.
//!
//! To go back is to take layers off. The newest layers hold their whole state, so that
//! this costs nothing; an older one is made again from what the layers above replaced.
//! A layer knows what it added beside the state (code, names), and takes that with it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use alloy_primitives::{B256, Bytes};

use crate::database::{Changes, Name};
use crate::engine::{Version, read_validators};
use crate::error::{Fault, Trouble};
use crate::history::{self, Rewind};
use crate::store::{ANCESTORS, Position, Store};

/// Layers that hold their whole state.
const WHOLE_LAYERS: usize = 1_024;
/// Changed accounts and slots of these layers, about 2.5 kB each.
const WHOLE_CHANGES: usize = 40_000;
/// States made again that are kept for the next question.
const REMEMBERED: usize = 4;

struct Layer {
    number: u64,
    digest: B256,
    extra_data: Bytes,
    /// `history::encode` of what this layer replaced.
    undo: Vec<u8>,
    change_count: usize,
    whole: Option<Arc<Version>>,
    codes: Vec<B256>,
    names: Vec<B256>,
}

/// See the module's comment.
pub struct Layers {
    store: Arc<Store>,
    all: Vec<Layer>,
    /// The newest layer of each block.
    newest: HashMap<B256, usize>,
    first_whole: usize,
    /// Changes of the whole layers but the first.
    whole_changes: usize,
    remembered: VecDeque<(usize, Arc<Version>)>,
    names: HashMap<B256, Name>,
}

impl Layers {
    pub fn new(store: Arc<Store>, first: Version, changes: Changes) -> Self {
        let mut layers = Self {
            store,
            all: Vec::new(),
            newest: HashMap::new(),
            first_whole: 0,
            whole_changes: 0,
            remembered: VecDeque::new(),
            names: HashMap::new(),
        };
        layers.push(Arc::new(first), changes);
        layers
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn name_count(&self) -> usize {
        self.names.len()
    }

    /// The state of the topmost layer, which is always whole.
    pub fn head(&self) -> Result<Arc<Version>, Fault> {
        let top = self.all.last().and_then(|layer| layer.whole.clone());
        top.ok_or_else(|| Fault::new("the dev chain has no state"))
    }

    /// The state after a block and its edits.
    pub fn version(&mut self, digest: &B256) -> Result<Arc<Version>, Trouble> {
        let at = self.newest.get(digest).copied();
        Ok(self.at(at.ok_or(Trouble::Unknown(*digest))?)?)
    }

    pub fn contains(&self, digest: &B256) -> bool {
        self.newest.contains_key(digest)
    }

    /// What a hash in the newest state is of.
    pub fn name(&self, hash: &B256) -> Result<Name, Fault> {
        let name = self.names.get(hash).copied();
        name.ok_or_else(|| Fault::new(format!("nothing is known of the hash {hash}")))
    }

    /// Lays a state on top.
    pub fn push(&mut self, version: Arc<Version>, changes: Changes) {
        let mut codes = Vec::new();
        for (hash, code) in changes.codes {
            if !self.store.has_fresh_code(&hash) {
                self.store.add_code(hash, code);
                codes.push(hash);
            }
        }
        let mut names = Vec::new();
        for (hash, name) in changes.names {
            if self.names.insert(hash, name).is_none() {
                names.push(hash);
            }
        }
        if !self.all.is_empty() {
            self.whole_changes += version.change_count;
        }
        self.newest.insert(version.position.digest, self.all.len());
        self.all.push(Layer {
            number: version.position.number,
            digest: version.position.digest,
            extra_data: version.extra_data.clone(),
            undo: history::encode(&changes.before),
            change_count: version.change_count,
            whole: Some(version),
            codes,
            names,
        });
        while self.is_too_much() {
            self.all[self.first_whole].whole = None;
            self.first_whole += 1;
            self.whole_changes -= self.all[self.first_whole].change_count;
        }
    }

    fn is_too_much(&self) -> bool {
        let whole = self.all.len() - self.first_whole;
        whole > WHOLE_LAYERS || (whole > 1 && self.whole_changes > WHOLE_CHANGES)
    }

    /// Takes off all layers but the lowest `count`.
    pub fn cut(&mut self, count: usize) -> Result<(), Fault> {
        if count == 0 || count > self.all.len() {
            return Err(Fault::new(format!("no state {count} to go back to")));
        }
        let top = self.at(count - 1)?;
        for layer in self.all.drain(count..) {
            layer.codes.iter().for_each(|hash| self.store.remove_code(hash));
            for hash in &layer.names {
                self.names.remove(hash);
            }
            self.newest.remove(&layer.digest);
        }
        self.newest.insert(top.position.digest, count - 1);
        self.all[count - 1].whole = Some(top);
        self.first_whole = self.first_whole.min(count - 1);
        let whole = &self.all[self.first_whole + 1..];
        self.whole_changes = whole.iter().map(|layer| layer.change_count).sum();
        self.remembered.clear();
        Ok(())
    }

    fn at(&mut self, at: usize) -> Result<Arc<Version>, Fault> {
        if let Some(whole) = &self.all[at].whole {
            return Ok(whole.clone());
        }
        if let Some((_, version)) = self.remembered.iter().find(|entry| entry.0 == at) {
            return Ok(version.clone());
        }
        let version = Arc::new(self.made_again(at)?);
        if self.remembered.len() >= REMEMBERED {
            self.remembered.pop_front();
        }
        self.remembered.push_back((at, version.clone()));
        Ok(version)
    }

    fn made_again(&self, at: usize) -> Result<Version, Fault> {
        let from = self.all[self.first_whole].whole.as_ref();
        let from = from.ok_or_else(|| Fault::new("the dev chain has no state"))?;
        let mut rewind = Rewind::default();
        for layer in &self.all[at + 1..=self.first_whole] {
            rewind.add(&layer.undo)?;
        }
        let state = from.state.apply(&rewind.changes())?;
        Ok(Version {
            position: self.position(at),
            validators: read_validators(&state)?,
            extra_data: self.all[at].extra_data.clone(),
            state,
            change_count: self.all[at].change_count,
            replaced: Default::default(),
        })
    }

    /// Hashes of the block and those below it.
    fn position(&self, at: usize) -> Position {
        let mut ancestors = Vec::with_capacity(ANCESTORS);
        for layer in self.all[..=at].iter().rev() {
            if ancestors.last() != Some(&layer.digest) {
                ancestors.push(layer.digest);
            }
            if ancestors.len() == ANCESTORS {
                break;
            }
        }
        let Layer { number, digest, .. } = self.all[at];
        Position { number, digest, ancestors }
    }
}
