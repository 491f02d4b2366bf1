//! Nodes of the trie: immutable, shared, hashed when they are made.

use std::cell::RefCell;
use std::sync::Arc as StdArc;

use alloy_primitives::{B256, keccak256};
use triomphe::ThinArc;

use super::bucket::Bucket;
use super::disk::Sink;
use super::evict::Evictable;
use super::page::{Page, Source, Space};
use crate::error::Fault;

/// Leaves of a page at most: what is loaded, evicted and written as one.
pub const PAGE_LEAVES: u32 = 320;
/// Nibbles of a key.
pub const KEY_NIBBLES: usize = 64;
/// keccak of the RLP of nothing: the root of an empty trie.
pub const EMPTY_ROOT: B256 = alloy_trie::EMPTY_ROOT_HASH;

/// What a leaf holds.
pub trait Value: Clone + PartialEq + Send + Sync + 'static {
    /// Appends the RLP that the trie commits to.
    fn write_rlp(&self, out: &mut Vec<u8>);
    /// Appends the form that the store keeps.
    fn write_disk(&self, out: &mut Vec<u8>);
    /// Reads what `write_disk` made and moves `from` past it; `key` is the leaf's.
    fn read_disk(
        key: &B256,
        from: &mut &[u8],
        source: &StdArc<dyn Source>,
    ) -> Result<Self, Fault>;
    /// Bytes of memory of one leaf, about.
    const LEAF_BYTES: usize;
    /// Whether a leaf holds the root of a further trie.
    const HAS_TRIE: bool;
    /// Adds the pages of the trie that a leaf holds; false when that trie is so large that
    /// the leaf's own page should stay.
    fn pages_below(
        &self,
        _pages: &mut Vec<StdArc<dyn Evictable>>,
    ) -> Result<bool, Fault> {
        Ok(true)
    }
    /// Writes the changes of the trie that a leaf holds.
    fn write_below(
        _old: Option<&Self>,
        _new: Option<&Self>,
        _space: &Space,
        _sink: &mut dyn Sink,
    ) -> Result<(), Fault> {
        Ok(())
    }
}

/// How a parent names a node: its hash, or its RLP if that is below 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reference {
    len: u8,
    bytes: [u8; 32],
}

impl Reference {
    pub fn of(rlp: &[u8]) -> Self {
        if rlp.len() >= 32 {
            return Self { len: 32, bytes: keccak256(rlp).0 };
        }
        let mut bytes = [0; 32];
        bytes[..rlp.len()].copy_from_slice(rlp);
        Self { len: rlp.len() as u8, bytes }
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        if self.len == 32 {
            out.push(0xa0);
        }
        out.extend_from_slice(&self.bytes[..self.len as usize]);
    }

    /// The root hash of a trie whose topmost node this is.
    pub fn root(&self) -> B256 {
        if self.len == 32 {
            return B256::new(self.bytes);
        }
        keccak256(&self.bytes[..self.len as usize])
    }

    /// Whether the parent holds the node's RLP itself.
    pub fn is_inline(&self) -> bool {
        self.len < 32
    }

    pub fn write_disk(&self, out: &mut Vec<u8>) {
        out.push(self.len);
        out.extend_from_slice(&self.bytes[..self.len as usize]);
    }

    pub fn read_disk(from: &mut &[u8]) -> Result<Self, Fault> {
        let len = take(from, 1)?[0];
        if len > 32 {
            return Err(Fault::corrupt("a reference is longer than 32 bytes"));
        }
        let mut bytes = [0; 32];
        bytes[..len as usize].copy_from_slice(take(from, len as usize)?);
        Ok(Self { len, bytes })
    }
}

/// Splits `count` bytes off the front.
pub fn take<'a>(from: &mut &'a [u8], count: usize) -> Result<&'a [u8], Fault> {
    if from.len() < count {
        return Err(Fault::corrupt("a record of the trie ends too early"));
    }
    let (head, tail) = from.split_at(count);
    *from = tail;
    Ok(head)
}

/// A key and its new value; `None` removes it.
pub type Change<V> = (B256, Option<V>);

/// The head of a branch; the links to its children follow in the same allocation.
/// A prefix that is not empty stands for the extension node above the branch.
pub struct Head {
    pub mask: u16,
    pub prefix: Box<[u8]>,
}

/// A node, shared between all versions of the trie that contain it.
///
/// A sub-trie that fits a bucket is one, and no branch has fewer leaves than that: so a
/// set of leaves has one form.
pub enum Node<V: Value> {
    Bucket(Bucket<V>),
    Branch(ThinArc<Head, Link<V>>),
    Page(StdArc<Page<V>>),
}

/// A node and what its parent must know of it. It is kept beside the pointer, because
/// hashing a branch would otherwise fetch up to 16 nodes from all over the memory.
#[derive(Clone)]
pub struct Link<V: Value> {
    pub node: Node<V>,
    /// Leaves below and at the node.
    pub count: u32,
    /// Of the extension, where the node is a branch with a prefix.
    pub reference: Reference,
}

impl<V: Value> Clone for Node<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Bucket(bucket) => Self::Bucket(bucket.clone()),
            Self::Branch(branch) => Self::Branch(branch.clone()),
            Self::Page(page) => Self::Page(page.clone()),
        }
    }
}

/// The nibble of a key at a position.
pub fn nibble(key: &B256, at: usize) -> u8 {
    let byte = key[at / 2];
    if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 }
}

/// The nibbles of a key from a position up to another.
pub fn nibbles(key: &B256, from: usize, to: usize) -> Vec<u8> {
    (from..to).map(|at| nibble(key, at)).collect()
}

impl<V: Value> Link<V> {
    /// A branch from its children; hashes it, and the extension if there is a prefix.
    pub fn branch(prefix: Box<[u8]>, mask: u16, children: Vec<Self>) -> Self {
        let count = children.iter().map(|child| child.count).sum();
        let head = Head { mask, prefix };
        Self::from_parts(
            ThinArc::from_header_and_iter(head, children.into_iter()),
            count,
        )
    }

    /// The link to a branch, its leaves counted already.
    pub fn from_parts(branch: ThinArc<Head, Self>, count: u32) -> Self {
        let head = &branch.header.header;
        let children = references(head.mask, &branch.slice);
        let reference = with_buffer(|rlp| branch_of(&children, &head.prefix, rlp));
        Self { node: Node::Branch(branch), count, reference }
    }

    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.node, &other.node) {
            (Node::Bucket(a), Node::Bucket(b)) => {
                std::ptr::eq(&raw const a.header.header, &raw const b.header.header)
            }
            (Node::Branch(a), Node::Branch(b)) => {
                std::ptr::eq(&raw const a.header.header, &raw const b.header.header)
            }
            (Node::Page(a), Node::Page(b)) => StdArc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &B256) -> Result<Option<V>, Fault> {
        self.get_at(key, 0)
    }

    fn get_at(&self, key: &B256, mut depth: usize) -> Result<Option<V>, Fault> {
        let mut node = &self.node;
        loop {
            match node {
                Node::Bucket(bucket) => {
                    let found = bucket.slice.iter().find(|entry| entry.key == *key);
                    return Ok(found.map(|entry| entry.value.clone()));
                }
                Node::Page(page) => return page.content()?.get_at(key, depth),
                Node::Branch(branch) => {
                    let head = &branch.header.header;
                    for part in &head.prefix {
                        if nibble(key, depth) != *part {
                            return Ok(None);
                        }
                        depth += 1;
                    }
                    let Some(at) = child_index(head.mask, nibble(key, depth)) else {
                        return Ok(None);
                    };
                    node = &branch.slice[at].node;
                    depth += 1;
                }
            }
        }
    }

    /// Keeps everything below in memory for as long as this version lives: called when
    /// the newest state drops it, so that the store may drop it too.
    pub fn pin(&self) -> Result<(), Fault> {
        match &self.node {
            Node::Bucket(_) => Ok(()),
            Node::Page(page) => {
                page.content()?;
                page.keep(page.count as usize);
                Ok(())
            }
            Node::Branch(branch) => branch.slice.iter().try_for_each(Self::pin),
        }
    }

    /// Calls `visit` for each leaf in ascending order of keys; loads what is not here.
    pub fn for_each(
        &self,
        visit: &mut dyn FnMut(&B256, &V) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        match &self.node {
            Node::Bucket(bucket) => bucket
                .slice
                .iter()
                .try_for_each(|entry| visit(&entry.key, &entry.value)),
            Node::Page(page) => page.content()?.for_each(visit),
            Node::Branch(branch) => {
                branch.slice.iter().try_for_each(|child| child.for_each(visit))
            }
        }
    }
}

/// Fetches the reference counts of nodes that are about to be cloned. A locked increment
/// waits for its cache line and lets nothing pass; plain loads beforehand overlap, which
/// halves the time of an update of a large trie.
pub fn fetch_counts<V: Value>(links: &[Link<V>]) {
    let count = |link: &Link<V>| match &link.node {
        Node::Bucket(bucket) => ThinArc::strong_count(bucket),
        Node::Branch(branch) => ThinArc::strong_count(branch),
        Node::Page(page) => StdArc::strong_count(page),
    };
    std::hint::black_box(links.iter().map(count).fold(0, usize::wrapping_add));
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Runs with an empty buffer that each thread keeps for its next node.
pub fn with_buffer<T>(run: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        run(buffer)
    })
}

/// Where the child of a nibble is among the children present.
pub fn child_index(mask: u16, nibble: u8) -> Option<usize> {
    let bit = 1u16 << nibble;
    (mask & bit != 0).then(|| (mask & (bit - 1)).count_ones() as usize)
}

/// The nibbles of the children present, ascending.
pub fn present(mask: u16) -> impl Iterator<Item = u8> {
    (0..16).filter(move |nibble| mask & (1 << nibble) != 0)
}

/// The RLP of a leaf that hangs at `depth`.
pub fn leaf_rlp<V: Value>(key: &B256, value: &V, depth: usize, out: &mut Vec<u8>) {
    let start = begin_list(out);
    write_path((depth..KEY_NIBBLES).map(|at| nibble(key, at)), true, out);
    let value_start = begin_list(out);
    value.write_rlp(out);
    let first = out[value_start];
    if out.len() == value_start + 1 && first < 0x80 {
        out.truncate(value_start - HEAD_ROOM);
        out.push(first);
    } else {
        end_item(out, value_start, 0x80);
    }
    end_item(out, start, 0xc0);
}

/// How a branch names its children, by nibble.
pub type Children = [Option<Reference>; 16];

/// The references of the children of a branch.
pub fn references<V: Value>(mask: u16, children: &[Link<V>]) -> Children {
    let mut all = [None; 16];
    for (part, child) in present(mask).zip(children) {
        all[usize::from(part)] = Some(child.reference);
    }
    all
}

/// The reference of a branch, or of the extension above it if there is a prefix; the RLP
/// of that node is left in `out`.
pub fn branch_of(children: &Children, prefix: &[u8], out: &mut Vec<u8>) -> Reference {
    let start = begin_list(out);
    for child in children {
        match child {
            Some(reference) => reference.write(out),
            None => out.push(0x80),
        }
    }
    out.push(0x80);
    end_item(out, start, 0xc0);
    let inner = Reference::of(out);
    if prefix.is_empty() {
        return inner;
    }
    out.clear();
    extension_rlp(prefix, &inner, out);
    Reference::of(out)
}

/// The RLP of an extension.
pub fn extension_rlp(prefix: &[u8], below: &Reference, out: &mut Vec<u8>) {
    let start = begin_list(out);
    write_path(prefix.iter().copied(), false, out);
    below.write(out);
    end_item(out, start, 0xc0);
}

/// Bytes kept free before a payload until its length is known.
const HEAD_ROOM: usize = 3;

fn begin_list(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; HEAD_ROOM]);
    out.len()
}

/// Writes the head of the payload that begins at `start`, and closes the gap.
fn end_item(out: &mut Vec<u8>, start: usize, offset: u8) {
    let len = out.len() - start;
    let [high, low] = (len as u16).to_be_bytes();
    let head = match len {
        0..56 => &[offset + low][..],
        56..256 => &[offset + 56, low],
        _ => &[offset + 57, high, low],
    };
    let from = start - HEAD_ROOM;
    out[from..from + head.len()].copy_from_slice(head);
    out.copy_within(start.., from + head.len());
    out.truncate(from + head.len() + len);
}

/// Hex-prefix encoding (yellow paper, appendix C) as an RLP string.
fn write_path(
    path: impl ExactSizeIterator<Item = u8>,
    is_leaf: bool,
    out: &mut Vec<u8>,
) {
    let mut packed = [0u8; 33];
    let odd = path.len() % 2;
    let size = path.len() / 2 + 1;
    packed[0] = (u8::from(is_leaf) * 2 + odd as u8) << 4;
    for (at, part) in path.enumerate() {
        let position = at + 2 - odd;
        packed[position / 2] |=
            if position.is_multiple_of(2) { part << 4 } else { part };
    }
    if size > 1 || packed[0] >= 0x80 {
        out.push(0x80 + size as u8);
    }
    out.extend_from_slice(&packed[..size]);
}
