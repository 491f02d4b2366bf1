//! The states that stay readable: whole versions of the newest blocks, older ones on
//! request from undo records.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use alloy_primitives::{B256, Bytes};

use crate::engine::{Settings, Version};
use crate::error::{Fault, Trouble};
use crate::history::{self, Rewind};
use crate::state::AccountChange;
use crate::store::{ANCESTORS, Past, Position, Store};
use crate::trie::evict::Evictable;
use crate::trie::{Replaced, Source};

/// Changed accounts and slots of the versions kept whole, about 2.5 kB each.
const WHOLE_CHANGES: usize = 40_000;
/// Versions made from undo records that are kept for the next question.
const REMEMBERED: usize = 4;
/// And the changed accounts and slots that they may hold together.
const REMEMBERED_CHANGES: usize = 200_000;
/// Changed accounts and slots that are put back for an older state, at most; some 300
/// bytes and 10 us each.
const REWOUND_CHANGES: usize = 1_000_000;
/// And how long what was replaced may be read for it.
const REWIND_TIME: Duration = Duration::from_secs(10);

/// Bytes of memory that pages of the state take.
pub fn resident(store: &Store) -> usize {
    store.meter().resident_bytes.load(Ordering::Relaxed)
}

/// See the module's comment.
pub struct Window {
    store: Arc<Store>,
    /// Whole versions without gaps, the head last.
    whole: VecDeque<Arc<Version>>,
    change_count: usize,
    /// Blocks that the store does not hold yet, by number.
    unsaved: BTreeMap<u64, Past>,
    numbers: HashMap<B256, u64>,
    remembered: VecDeque<Arc<Version>>,
    shells: Shells,
    is_archive: bool,
    length: u64,
}

impl Window {
    pub fn new(store: Arc<Store>, head: Arc<Version>, settings: &Settings) -> Self {
        Self {
            store,
            whole: VecDeque::from([head]),
            change_count: 0,
            unsaved: BTreeMap::new(),
            numbers: HashMap::new(),
            remembered: VecDeque::new(),
            shells: Shells::default(),
            is_archive: settings.is_archive,
            length: settings.window.max(1),
        }
    }

    pub fn head(&self) -> Arc<Version> {
        self.whole[self.whole.len() - 1].clone()
    }

    /// Adds the new head; gives the versions that are no longer kept whole.
    pub fn push(
        &mut self,
        version: Arc<Version>,
        before: &[(B256, AccountChange)],
    ) -> Vec<Arc<Version>> {
        let (number, digest) = (version.position.number, version.position.digest);
        let undo = Arc::new(history::encode(before));
        self.unsaved.insert(number, Past { number, digest, undo });
        self.numbers.insert(digest, number);
        self.change_count += version.change_count;
        let replaced =
            version.replaced.lock().map(|mut pages| std::mem::take(&mut *pages));
        self.shells.replaced.push_back((number, replaced.unwrap_or_default()));
        self.whole.push_back(version);
        self.store.meter().clock.fetch_add(1, Ordering::Relaxed);
        let mut dropped = Vec::new();
        while self.whole.len() > 1
            && (self.whole.len() as u64 > self.length
                || self.change_count > WHOLE_CHANGES)
        {
            if let Some(oldest) = self.whole.pop_front() {
                self.shells.retired.push(Arc::downgrade(&oldest));
                dropped.push(oldest);
            }
            // The changes of a version are what its predecessor does not share.
            self.change_count -= self.whole[0].change_count;
        }
        dropped
    }

    /// Gives up pages of versions that nobody can read any more. Call it once what `push`
    /// gave is dropped.
    pub fn release(&mut self) {
        let kept = self.whole.front().into_iter().chain(&self.remembered);
        let oldest = kept.map(|version| version.position.number).min();
        self.shells.release(oldest.unwrap_or_default());
    }

    /// Blocks that the next checkpoint has to write.
    pub fn unsaved(&self) -> Vec<Past> {
        self.unsaved.values().cloned().collect()
    }

    /// Lets go of blocks that the store holds.
    pub fn forget_saved(&mut self, durable: u64, settings: &Settings) {
        if self.unsaved.first_key_value().is_none_or(|(number, _)| *number > durable) {
            return;
        }
        self.shells.look_again();
        let later = self.unsaved.split_off(&(durable + 1));
        for past in std::mem::replace(&mut self.unsaved, later).values() {
            self.numbers.remove(&past.digest);
        }
        let oldest = self.head().position.number.saturating_sub(settings.window);
        if !settings.is_archive {
            self.remembered.retain(|version| version.position.number >= oldest);
        }
    }

    /// A version that is at hand.
    pub fn recent(&self, digest: &B256) -> Option<Arc<Version>> {
        let mut all = self.whole.iter().rev().chain(&self.remembered);
        all.find(|version| version.position.digest == *digest).cloned()
    }

    /// The height of a committed block that is still readable.
    pub fn height(&self, digest: &B256) -> Result<Option<u64>, Fault> {
        let whole = self.recent(digest).map(|version| version.position.number);
        match whole.or_else(|| self.numbers.get(digest).copied()) {
            Some(number) => Ok(Some(number)),
            None => self.store.number(digest),
        }
    }

    /// The way back to a version that is not at hand.
    pub fn rewind(&self, digest: &B256) -> Result<Journey, Trouble> {
        let unknown = || Trouble::Unknown(*digest);
        let number = self.height(digest)?.ok_or_else(unknown)?;
        let head = self.head().position.number;
        if !self.is_archive && number + self.length <= head {
            return Err(unknown());
        }
        let all = self.whole.iter().chain(&self.remembered);
        let newer = all.filter(|version| version.position.number > number);
        let from =
            newer.min_by_key(|version| version.position.number).ok_or_else(unknown)?;
        let range = number + 1..=from.position.number;
        let unsaved =
            self.unsaved.range(range).map(|(at, past)| (*at, past.clone())).collect();
        Ok(Journey { from: from.clone(), number, digest: *digest, unsaved })
    }

    /// Keeps a version that was made from undo records.
    pub fn remember(&mut self, version: Arc<Version>) {
        let mut changes: usize =
            self.remembered.iter().map(|version| version.change_count).sum();
        changes += version.change_count;
        self.remembered.push_back(version);
        while self.remembered.len() > REMEMBERED || changes > REMEMBERED_CHANGES {
            let Some(oldest) = self.remembered.pop_front() else { break };
            changes -= oldest.change_count;
            self.shells.retired.push(Arc::downgrade(&oldest));
        }
    }
}

/// Pages that are no part of the newest state. The state of the last checkpoint holds on
/// to them, and would keep a second copy of everything that changed since then; their
/// contents go once no version that reads them is left.
#[derive(Default)]
struct Shells {
    /// By the block that replaced them, ascending.
    replaced: VecDeque<(u64, Replaced)>,
    /// No longer read, but not written yet either.
    late: Replaced,
    late_checked: usize,
    /// Versions that a view may still hold.
    retired: Vec<Weak<Version>>,
}

impl Shells {
    fn release(&mut self, oldest_kept: u64) {
        self.retired.retain(|version| version.strong_count() > 0);
        let alive = self.retired.iter().filter_map(Weak::upgrade);
        let oldest = alive.map(|version| version.position.number).min();
        let oldest = oldest.map_or(oldest_kept, |oldest| oldest.min(oldest_kept));
        while self.replaced.front().is_some_and(|(number, _)| *number <= oldest) {
            let pages = self.replaced.pop_front().map(|(_, pages)| pages);
            let pages = pages.unwrap_or_default().into_iter();
            self.late.extend(pages.filter(|page| !is_released(page)));
        }
        // Doubling keeps the cost of looking again in proportion to what came.
        if self.late.len() > 2 * self.late_checked.max(1_000) {
            self.look_again();
        }
    }

    fn look_again(&mut self) {
        self.late.retain(|page| !is_released(page));
        self.late_checked = self.late.len();
    }
}

/// Whether a page is gone, or its content is.
fn is_released(page: &Weak<dyn Evictable>) -> bool {
    page.upgrade().is_none_or(|page| page.release())
}

/// From a version back to an older one.
pub struct Journey {
    from: Arc<Version>,
    number: u64,
    digest: B256,
    unsaved: BTreeMap<u64, Past>,
}

impl Journey {
    pub fn run(self, store: &Store) -> Result<Version, Trouble> {
        let mut rewind = Rewind::default();
        let until = Instant::now() + REWIND_TIME;
        for number in self.number + 1..=self.from.position.number {
            if rewind.size() > REWOUND_CHANGES || Instant::now() >= until {
                return Err(self.too_far());
            }
            match self.unsaved.get(&number) {
                Some(past) => rewind.add(&past.undo)?,
                None => {
                    let undo = store.undo(number)?;
                    rewind.add(&undo.ok_or(Trouble::Unknown(self.digest))?)?;
                }
            }
        }
        let change_count = rewind.size();
        let state = self.from.state.apply(&rewind.changes())?;
        let validators = crate::engine::read_validators(&state)?;
        let extra_data =
            crate::engine::extra_data(validators.as_deref(), &Bytes::new());
        let position = self.position(store)?;
        let replaced = Mutex::default();
        Ok(Version { position, state, extra_data, validators, change_count, replaced })
    }

    fn too_far(&self) -> Trouble {
        Trouble::Distant(format!(
            "the state of block {} lies too far back: more than {REWOUND_CHANGES} accounts \
             and slots changed since, or reading them takes more than {} s; ask for a newer \
             block",
            self.number,
            REWIND_TIME.as_secs(),
        ))
    }

    fn position(&self, store: &Store) -> Result<Position, Fault> {
        let back = (self.from.position.number - self.number) as usize;
        let known = self.from.position.ancestors.get(back..).map(<[B256]>::to_vec);
        let mut ancestors = known.unwrap_or_else(|| vec![self.digest]);
        while ancestors.len() < ANCESTORS && ancestors.len() as u64 <= self.number {
            match store.digest(self.number - ancestors.len() as u64)? {
                Some(digest) => ancestors.push(digest),
                None => break,
            }
        }
        Ok(Position { number: self.number, digest: self.digest, ancestors })
    }
}
