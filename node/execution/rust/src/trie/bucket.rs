//! Buckets: the lowest parts of a trie, a few leaves side by side in one allocation.
//!
//! A sub-trie of at most `BUCKET_LEAVES` leaves is not kept as nodes. Its leaves lie in
//! order with their hashes, and its branches follow from the keys. So a leaf takes about
//! 110 bytes instead of 250, and an update copies one block of memory instead of visiting
//! a dozen siblings.

use alloy_primitives::B256;
use triomphe::ThinArc;

use super::node::{
    Change, Link, Node, Reference, Value, branch_of, extension_rlp, leaf_rlp, nibble,
    nibbles, with_buffer,
};

/// Leaves of a bucket at most.
pub const BUCKET_LEAVES: usize = 24;

/// One leaf: the whole key, its value, and how a parent names it where it hangs.
#[derive(Clone)]
pub struct Entry<V> {
    pub key: B256,
    pub value: V,
    pub reference: Reference,
}

/// The head of a bucket; its entries follow in the same allocation.
pub struct Groups {
    /// Of the children of the topmost branch that hold several leaves: nibble, reference.
    references: Box<[(u8, Reference)]>,
}

pub type Bucket<V> = ThinArc<Groups, Entry<V>>;

/// A leaf on its way into a sub-trie.
#[derive(Clone)]
pub struct Item<V> {
    pub key: B256,
    pub value: V,
    /// Its reference and the depth for which that holds, if it was a leaf before.
    known: Option<(Reference, usize)>,
}

impl<V> Item<V> {
    pub fn new(key: B256, value: V) -> Self {
        Self { key, value, known: None }
    }
}

/// The first nibble from which on two keys differ.
pub fn fork_of(a: &B256, b: &B256) -> usize {
    let at = a.iter().zip(b.iter()).position(|(a, b)| a != b).unwrap_or(32);
    let is_low = at < 32 && a[at] >> 4 == b[at] >> 4;
    2 * at + usize::from(is_low)
}

/// Where the leaf at a position hangs, in a sub-trie that hangs at `depth`.
fn leaf_depth(keys: impl Fn(usize) -> Option<B256>, at: usize, depth: usize) -> usize {
    let Some(key) = keys(at) else { return depth };
    let with =
        |other: Option<B256>| other.map_or(depth, |other| fork_of(&key, &other) + 1);
    with(at.checked_sub(1).and_then(&keys)).max(with(keys(at + 1)))
}

/// The leaves of a bucket that hangs at `depth`, ready for another place.
pub fn items_of<V: Value>(bucket: &Bucket<V>, depth: usize) -> Vec<Item<V>> {
    let entries = &bucket.slice;
    let keys = |at: usize| entries.get(at).map(|entry| entry.key);
    let item = |(at, entry): (usize, &Entry<V>)| Item {
        key: entry.key,
        value: entry.value.clone(),
        known: Some((entry.reference, leaf_depth(keys, at, depth))),
    };
    entries.iter().enumerate().map(item).collect()
}

/// Sorted leaves with sorted changes applied.
pub fn merge<V: Value>(items: Vec<Item<V>>, changes: &[Change<V>]) -> Vec<Item<V>> {
    let mut merged = Vec::with_capacity(items.len() + changes.len());
    let mut changes = changes.iter().peekable();
    for item in items {
        while let Some((key, value)) = changes.next_if(|(key, _)| *key < item.key) {
            merged.extend(value.clone().map(|value| Item::new(*key, value)));
        }
        match changes.next_if(|(key, _)| *key == item.key) {
            Some((key, value)) => {
                merged.extend(value.clone().map(|value| Item::new(*key, value)));
            }
            None => merged.push(item),
        }
    }
    for (key, value) in changes {
        merged.extend(value.clone().map(|value| Item::new(*key, value)));
    }
    merged
}

/// What an older bucket knows of the branches that changes leave as they are.
pub struct Reuse<'a, V: Value> {
    bucket: &'a Bucket<V>,
    changes: &'a [Change<V>],
}

impl<'a, V: Value> Reuse<'a, V> {
    pub fn of(bucket: &'a Bucket<V>, changes: &'a [Change<V>]) -> Self {
        Self { bucket, changes }
    }

    /// The reference of the child of a nibble, if it is the same branch as before.
    fn child(&self, fork: usize, part: u8) -> Option<Reference> {
        let (first, last) = (self.bucket.slice.first()?, self.bucket.slice.last()?);
        let is_touched =
            || self.changes.iter().any(|(key, _)| nibble(key, fork) == part);
        if fork_of(&first.key, &last.key) != fork || is_touched() {
            return None;
        }
        let known = self.bucket.header.header.references.iter();
        known.clone().find(|(at, _)| *at == part).map(|(_, reference)| *reference)
    }
}

/// The bucket of sorted leaves that hangs at `depth`; hashes what is new in it.
pub fn make<V: Value>(
    items: Vec<Item<V>>,
    depth: usize,
    reuse: Option<&Reuse<'_, V>>,
) -> Link<V> {
    let depths: Vec<usize> = {
        let keys = |at: usize| items.get(at).map(|item| item.key);
        (0..items.len()).map(|at| leaf_depth(keys, at, depth)).collect()
    };
    let entries: Vec<Entry<V>> = items
        .into_iter()
        .zip(depths)
        .map(|(item, depth)| {
            let reference = match item.known {
                Some((reference, at)) if at == depth => reference,
                _ => with_buffer(|rlp| {
                    leaf_rlp(&item.key, &item.value, depth, rlp);
                    Reference::of(rlp)
                }),
            };
            Entry { key: item.key, value: item.value, reference }
        })
        .collect();
    let mut groups = Vec::new();
    let reference = refer(
        &entries,
        depth,
        &mut |fork, part| reuse.and_then(|reuse| reuse.child(fork, part)),
        &mut |part, reference| groups.push((part, reference)),
    );
    let count = entries.len() as u32;
    let head = Groups { references: groups.into_boxed_slice() };
    let bucket = ThinArc::from_header_and_iter(head, entries.into_iter());
    Link { node: Node::Bucket(bucket), count, reference }
}

/// The reference of sorted entries that hang at `depth`. `known` may spare a child of the
/// topmost branch, `found` hears of those that hold several leaves.
fn refer<V: Value>(
    entries: &[Entry<V>],
    depth: usize,
    known: &mut dyn FnMut(usize, u8) -> Option<Reference>,
    found: &mut dyn FnMut(u8, Reference),
) -> Reference {
    let (first, last) = match entries {
        [] => return Reference::of(&[0x80]),
        [only] => return only.reference,
        [first, .., last] => (first, last),
    };
    let fork = fork_of(&first.key, &last.key);
    let mut children = [None; 16];
    for group in groups(entries, fork) {
        let part = nibble(&group[0].key, fork);
        let reference = match group {
            [only] => only.reference,
            several => {
                let reference = known(fork, part).unwrap_or_else(|| {
                    refer(several, fork + 1, &mut |_, _| None, &mut |_, _| {})
                });
                found(part, reference);
                reference
            }
        };
        children[usize::from(part)] = Some(reference);
    }
    let prefix = nibbles(&first.key, depth, fork);
    with_buffer(|rlp| branch_of(&children, &prefix, rlp))
}

fn groups<V>(entries: &[Entry<V>], fork: usize) -> impl Iterator<Item = &[Entry<V>]> {
    entries.chunk_by(move |a, b| nibble(&a.key, fork) == nibble(&b.key, fork))
}

/// The nodes of a bucket towards a key, from `depth` on: `list` takes the RLP of each.
pub fn walk<V: Value>(
    entries: &[Entry<V>],
    key: &B256,
    depth: usize,
    list: &mut dyn FnMut(Vec<u8>),
) {
    let mut rlp = Vec::new();
    let (first, last) = match entries {
        [] => return,
        [only] => {
            leaf_rlp(&only.key, &only.value, depth, &mut rlp);
            list(rlp);
            return;
        }
        [first, .., last] => (first, last),
    };
    let fork = fork_of(&first.key, &last.key);
    let mut children = [None; 16];
    for group in groups(entries, fork) {
        let reference = refer(group, fork + 1, &mut |_, _| None, &mut |_, _| {});
        children[usize::from(nibble(&group[0].key, fork))] = Some(reference);
    }
    let inner = branch_of(&children, &[], &mut rlp);
    if fork > depth {
        let mut above = Vec::new();
        extension_rlp(&nibbles(&first.key, depth, fork), &inner, &mut above);
        list(above);
        if fork_of(&first.key, key) < fork {
            return;
        }
    }
    list(rlp);
    let part = nibble(key, fork);
    if let Some(group) =
        groups(entries, fork).find(|group| nibble(&group[0].key, fork) == part)
    {
        walk(group, key, fork + 1, list);
    }
}
