//! The records that the store holds of a trie, and which of them a checkpoint changes.
//!
//! A page record is its leaves in order; a directory record names its children. Hashes
//! inside a page are not stored: loading makes them again and so checks the record.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloy_primitives::B256;

use super::bucket::Item;
use super::node::{
    KEY_NIBBLES, Link, Node, PAGE_LEAVES, Reference, Value, present, take,
};
use super::page::{Page, Source, Space};
use super::update::build;
use crate::error::Fault;

const PAGE: u8 = 1;
const DIRECTORY: u8 = 2;

/// What receives the records of a checkpoint.
pub trait Sink {
    fn put(&mut self, key: &[u8], record: &[u8]) -> Result<(), Fault>;
    fn remove(&mut self, key: &[u8]) -> Result<(), Fault>;
    /// To be marked as saved once everything is durable.
    fn written(&mut self, page: Arc<dyn Saveable>);
}

/// A page, whatever its leaves hold.
pub trait Saveable: Send + Sync {
    fn mark_saved(&self);
}

impl<V: Value> Saveable for Page<V> {
    fn mark_saved(&self) {
        Page::mark_saved(self);
    }
}

/// Appends how a parent outside the trie names its topmost node.
pub fn write_link<V: Value>(link: &Link<V>, out: &mut Vec<u8>) {
    out.push(if matches!(link.node, Node::Branch(_)) { DIRECTORY } else { PAGE });
    link.reference.write_disk(out);
    out.extend_from_slice(&link.count.to_be_bytes());
}

/// The node that `write_link` named; directories are read at once, pages when needed.
pub fn read_link<V: Value>(
    space: &Space,
    path: &[u8],
    from: &mut &[u8],
) -> Result<Link<V>, Fault> {
    let kind = take(from, 1)?[0];
    let reference = Reference::read_disk(from)?;
    let count = read_u32(from)?;
    let key = space.key(path);
    match kind {
        PAGE => {
            let node = Node::Page(Page::stored(reference, count, key, &space.source));
            Ok(Link { node, count, reference })
        }
        DIRECTORY => {
            let link = read_directory(space, path, &space.source.load(&key)?)?;
            if link.reference != reference || link.count != count {
                return Err(Fault::corrupt("a directory has another hash"));
            }
            Ok(link)
        }
        _ => Err(Fault::corrupt("unknown kind of record")),
    }
}

fn read_u32(from: &mut &[u8]) -> Result<u32, Fault> {
    let bytes = take(from, 4)?;
    Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

fn read_directory<V: Value>(
    space: &Space,
    path: &[u8],
    mut record: &[u8],
) -> Result<Link<V>, Fault> {
    let from = &mut record;
    if take(from, 1)?[0] != DIRECTORY {
        return Err(Fault::corrupt("a directory is none"));
    }
    let prefix_len = take(from, 1)?[0] as usize;
    let prefix = take(from, prefix_len)?;
    let mask = take(from, 2)?;
    let mask = u16::from_be_bytes([mask[0], mask[1]]);
    let mut child_path = [path, prefix].concat();
    if child_path.len() >= KEY_NIBBLES || mask.count_ones() < 2 {
        return Err(Fault::corrupt("a directory has no form"));
    }
    let mut children = Vec::with_capacity(mask.count_ones() as usize);
    for part in present(mask) {
        child_path.push(part);
        children.push(read_link(space, &child_path, from)?);
        child_path.pop();
    }
    Ok(Link::branch(prefix.into(), mask, children))
}

/// Reads the sub-trie of a page from the store.
pub fn read_page<V: Value>(
    key: &[u8],
    source: &Arc<dyn Source>,
) -> Result<Link<V>, Fault> {
    let (owner, path) = Space::split(key);
    let space = Space::new(source.clone(), owner);
    let record = source.load(key)?;
    let from = &mut &record[..];
    if take(from, 1)?[0] != PAGE {
        return Err(Fault::corrupt("a page is none"));
    }
    let mut start = B256::ZERO;
    for (at, part) in path.iter().enumerate() {
        start[at / 2] |= if at.is_multiple_of(2) { part << 4 } else { *part };
    }
    let skip = path.len() / 2;
    let mut entries = Vec::with_capacity(PAGE_LEAVES as usize);
    while !from.is_empty() {
        let mut key = start;
        key[skip..].copy_from_slice(take(from, 32 - skip)?);
        let value = V::read_disk(&key, from, source)?;
        entries.push(Item::new(key, value));
    }
    if !entries.is_sorted_by(|a, b| a.key < b.key)
        || entries.len() > PAGE_LEAVES as usize
    {
        return Err(Fault::corrupt("the leaves of a page have no order"));
    }
    build(&space, path.len(), entries)?.ok_or_else(|| Fault::corrupt("an empty page"))
}

/// Puts and removes the records that lead from one version of a trie to another.
pub fn write_changes<V: Value>(
    space: &Space,
    old: Option<&Link<V>>,
    new: Option<&Link<V>>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    Writer { space, sink }.differ(&mut Vec::new(), old, new)
}

struct Writer<'a> {
    space: &'a Space,
    sink: &'a mut dyn Sink,
}

impl Writer<'_> {
    fn differ<V: Value>(
        &mut self,
        path: &mut Vec<u8>,
        old: Option<&Link<V>>,
        new: Option<&Link<V>>,
    ) -> Result<(), Fault> {
        if let (Some(old), Some(new)) = (old, new)
            && old.is_same(new)
        {
            return Ok(());
        }
        match (old.map(|link| &link.node), new.map(|link| &link.node)) {
            (Some(Node::Branch(a)), Some(Node::Branch(b)))
                if a.header.header.prefix == b.header.header.prefix =>
            {
                let (a_head, b_head) = (&a.header.header, &b.header.header);
                self.put_directory(path, b_head.mask, &b_head.prefix, &b.slice)?;
                let length = path.len();
                path.extend_from_slice(&b_head.prefix);
                for part in 0..16 {
                    let child = |mask, slice: &[Link<V>]| {
                        super::node::child_index(mask, part).map(|at| slice[at].clone())
                    };
                    path.push(part);
                    let old = child(a_head.mask, &a.slice);
                    self.differ(
                        path,
                        old.as_ref(),
                        child(b_head.mask, &b.slice).as_ref(),
                    )?;
                    path.pop();
                }
                path.truncate(length);
                return Ok(());
            }
            _ => {}
        }
        let mut kept = BTreeSet::new();
        if let Some(new) = new {
            self.put_all(path, new, &mut kept)?;
        }
        if let Some(old) = old {
            self.remove_all(path, old, &kept)?;
        }
        if V::HAS_TRIE {
            self.differ_below(old, new)?;
        }
        Ok(())
    }

    fn put_directory<V: Value>(
        &mut self,
        path: &[u8],
        mask: u16,
        prefix: &[u8],
        children: &[Link<V>],
    ) -> Result<(), Fault> {
        let mut record = vec![DIRECTORY, prefix.len() as u8];
        record.extend_from_slice(prefix);
        record.extend_from_slice(&mask.to_be_bytes());
        for child in children {
            write_link(child, &mut record);
        }
        self.sink.put(&self.space.key(path), &record)
    }

    fn put_all<V: Value>(
        &mut self,
        path: &mut Vec<u8>,
        link: &Link<V>,
        kept: &mut BTreeSet<Box<[u8]>>,
    ) -> Result<(), Fault> {
        kept.insert(self.space.key(path));
        match &link.node {
            Node::Page(page) => self.put_page(path, page),
            Node::Bucket(_) => Err(Fault::new("a bucket outside a page")),
            Node::Branch(branch) => {
                let head = &branch.header.header;
                self.put_directory(path, head.mask, &head.prefix, &branch.slice)?;
                let length = path.len();
                path.extend_from_slice(&head.prefix);
                for (part, child) in present(head.mask).zip(&branch.slice) {
                    path.push(part);
                    self.put_all(path, child, kept)?;
                    path.pop();
                }
                path.truncate(length);
                Ok(())
            }
        }
    }

    fn put_page<V: Value>(
        &mut self,
        path: &[u8],
        page: &Arc<Page<V>>,
    ) -> Result<(), Fault> {
        if page.is_saved() {
            return Ok(());
        }
        let skip = path.len() / 2;
        let mut record = Vec::with_capacity(1 + page.count as usize * 56);
        record.push(PAGE);
        page.content()?.for_each(&mut |key, value| {
            record.extend_from_slice(&key[skip..]);
            value.write_disk(&mut record);
            Ok(())
        })?;
        self.sink.put(&page.key, &record)?;
        self.sink.written(page.clone());
        Ok(())
    }

    fn remove_all<V: Value>(
        &mut self,
        path: &mut Vec<u8>,
        link: &Link<V>,
        kept: &BTreeSet<Box<[u8]>>,
    ) -> Result<(), Fault> {
        let key = self.space.key(path);
        if !kept.contains(&key) {
            self.sink.remove(&key)?;
        }
        if let Node::Branch(branch) = &link.node {
            let head = &branch.header.header;
            let length = path.len();
            path.extend_from_slice(&head.prefix);
            for (part, child) in present(head.mask).zip(&branch.slice) {
                path.push(part);
                self.remove_all(path, child, kept)?;
                path.pop();
            }
            path.truncate(length);
        }
        Ok(())
    }

    /// Goes on in the tries that the leaves of this one hold.
    fn differ_below<V: Value>(
        &mut self,
        old: Option<&Link<V>>,
        new: Option<&Link<V>>,
    ) -> Result<(), Fault> {
        let (old, new) = (leaves(old)?, leaves(new)?);
        let keys: BTreeSet<&B256> =
            old.iter().chain(&new).map(|(key, _)| key).collect();
        for key in keys {
            let find = |all: &[(B256, V)]| {
                let at = all.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
                Some(all[at].1.clone())
            };
            let space = Space { owner: Some(*key), ..self.space.clone() };
            V::write_below(
                find(&old).as_ref(),
                find(&new).as_ref(),
                &space,
                self.sink,
            )?;
        }
        Ok(())
    }
}

fn leaves<V: Value>(root: Option<&Link<V>>) -> Result<Vec<(B256, V)>, Fault> {
    let mut all = Vec::new();
    if let Some(link) = root {
        link.for_each(&mut |key, value| {
            all.push((*key, value.clone()));
            Ok(())
        })?;
    }
    Ok(all)
}
