//! Applying a batch of changes: a new version that shares what did not change.
//!
//! One pass from the root visits only what the sorted changes touch, makes each new node
//! once, children first, and hashes it there; so the cost of a root follows the changes
//! and the older version stays whole.

use alloy_primitives::B256;
use rayon::prelude::*;
use triomphe::ThinArc;

use super::bucket::{self, BUCKET_LEAVES, Item, Reuse, fork_of, items_of};
use super::node::{
    Change, Head, Link, Node, PAGE_LEAVES, Value, child_index, fetch_counts, nibble,
    nibbles, present,
};
use super::page::{Page, Space};
use crate::error::Fault;

/// Changes of one trie from which on the thread pool is worth its cost.
const PARALLEL_CHANGES: usize = 256;

type Made<V> = Result<Option<Link<V>>, Fault>;

/// The version of a trie after `changes`, which are sorted by key without duplicates.
pub fn update<V: Value>(
    space: &Space,
    root: Option<&Link<V>>,
    changes: &[Change<V>],
) -> Made<V> {
    if changes.is_empty() {
        return Ok(root.cloned());
    }
    debug_assert!(changes.is_sorted_by(|a, b| a.0 < b.0));
    let made = descend(space, root, 0, changes)?;
    Ok(made.map(|link| to_page(space, link, &[])))
}

/// The trie of sorted leaves that hangs at `depth`, without pages when it fits one.
pub fn build<V: Value>(space: &Space, depth: usize, items: Vec<Item<V>>) -> Made<V> {
    if items.len() <= BUCKET_LEAVES {
        return Ok((!items.is_empty()).then(|| bucket::make(items, depth, None)));
    }
    let first = items[0].key;
    let fork = fork_of(&first, &items[items.len() - 1].key);
    let mut children = Vec::with_capacity(16);
    for group in items.chunk_by(|a, b| nibble(&a.key, fork) == nibble(&b.key, fork)) {
        let part = nibble(&group[0].key, fork);
        let child = build(space, fork + 1, group.to_vec())?;
        children.extend(child.map(|child| (part, child)));
    }
    assemble(space, &nibbles(&first, 0, fork), depth, children)
}

fn descend<V: Value>(
    space: &Space,
    link: Option<&Link<V>>,
    depth: usize,
    changes: &[Change<V>],
) -> Made<V> {
    if changes.is_empty() {
        return Ok(link.cloned());
    }
    match link.map(|link| &link.node) {
        None => build(space, depth, bucket::merge(Vec::new(), changes)),
        Some(Node::Bucket(old)) => {
            let items = bucket::merge(items_of(old, depth), changes);
            if items.is_empty() || items.len() > BUCKET_LEAVES {
                return build(space, depth, items);
            }
            Ok(Some(bucket::make(items, depth, Some(&Reuse::of(old, changes)))))
        }
        Some(Node::Page(page)) => {
            let content = page.content()?;
            page.supersede(changes.len(), space);
            descend(space, Some(&content), depth, changes)
        }
        Some(Node::Branch(branch)) => {
            let made = descend_branch(space, branch, depth, changes)?;
            Ok(made.unwrap_or_else(|| link.cloned()))
        }
    }
}

/// `None` when no change concerns the branch.
fn descend_branch<V: Value>(
    space: &Space,
    branch: &ThinArc<Head, Link<V>>,
    depth: usize,
    changes: &[Change<V>],
) -> Result<Option<Option<Link<V>>>, Fault> {
    let (head, children) = (&branch.header.header, &branch.slice);
    let shared = shared_prefix(&head.prefix, depth, changes);
    let changes = within(&head.prefix[..shared], depth, changes);
    let Some((key, _)) = changes.first() else {
        return Ok(None);
    };
    let fork = depth + shared;
    let mut path = nibbles(key, 0, depth);
    path.extend_from_slice(&head.prefix[..shared]);
    if shared < head.prefix.len() {
        // A new key leaves the extension: the branch hangs lower, below a new one.
        let rest = head.prefix[shared + 1..].into();
        let lower = Link::branch(rest, head.mask, children.to_vec());
        let fork_of = (1 << head.prefix[shared], std::slice::from_ref(&lower));
        let made = each_changed(space, fork_of, fork, changes)?;
        return rejoin(space, &path, depth, fork_of, made).map(Some);
    }
    let made = each_changed(space, (head.mask, children), fork, changes)?;
    replace(space, &path, depth, branch, made).map(Some)
}

/// How much of an extension all inserted keys share.
fn shared_prefix<V>(prefix: &[u8], depth: usize, changes: &[Change<V>]) -> usize {
    let common = |key: &B256| {
        let matches = |at: &usize| nibble(key, depth + at) == prefix[*at];
        (0..prefix.len()).take_while(matches).count()
    };
    let inserted = changes.iter().filter(|(_, value)| value.is_some());
    inserted.map(|(key, _)| common(key)).min().unwrap_or(prefix.len())
}

/// The changes below a prefix; those beside it remove what is not there.
fn within<'a, V>(
    prefix: &[u8],
    depth: usize,
    changes: &'a [Change<V>],
) -> &'a [Change<V>] {
    let order = |key: &B256| {
        let mut parts =
            (0..prefix.len()).map(|at| nibble(key, depth + at).cmp(&prefix[at]));
        parts.find(|part| part.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    };
    let from = changes.partition_point(|(key, _)| order(key).is_lt());
    let to = changes.partition_point(|(key, _)| order(key).is_le());
    &changes[from..to]
}

type Children<V> = Vec<(u8, Link<V>)>;
/// The children that changes concern, as they are afterwards.
type Changed<V> = Vec<(u8, Option<Link<V>>)>;

fn each_changed<V: Value>(
    space: &Space,
    (mask, children): (u16, &[Link<V>]),
    fork: usize,
    changes: &[Change<V>],
) -> Result<Changed<V>, Fault> {
    fetch_counts(children);
    let one = |(part, group): (u8, &[Change<V>])| {
        let child = child_index(mask, part).map(|at| &children[at]);
        Ok((part, descend(space, child, fork + 1, group)?))
    };
    if space.parallel && changes.len() >= PARALLEL_CHANGES {
        let groups: Vec<_> = groups(changes, fork).collect();
        return groups.into_par_iter().map(one).collect();
    }
    groups(changes, fork).map(one).collect()
}

/// The branch with some children exchanged. Nearly always its form stays the same and
/// its other children are copied straight into the new node.
fn replace<V: Value>(
    space: &Space,
    path: &[u8],
    depth: usize,
    branch: &ThinArc<Head, Link<V>>,
    mut made: Changed<V>,
) -> Made<V> {
    let (head, children) = (&branch.header.header, &branch.slice);
    let (mut mask, mut before, mut after) = (head.mask, 0, 0);
    for (part, child) in &made {
        before += child_index(head.mask, *part).map_or(0, |at| children[at].count);
        after += child.as_ref().map_or(0, |child| child.count);
        if child.is_none() {
            mask &= !(1 << part);
        }
    }
    for (part, child) in &made {
        mask |= u16::from(child.is_some()) << part;
    }
    let old_count: u32 = children.iter().map(|child| child.count).sum();
    let count = old_count - before + after;
    let was_directory = old_count > PAGE_LEAVES;
    let is_form_kept = mask.count_ones() >= 2
        && count > BUCKET_LEAVES as u32
        && was_directory == (count > PAGE_LEAVES);
    if !is_form_kept {
        return rejoin(space, path, depth, (head.mask, children), made);
    }
    if was_directory {
        for (part, child) in &mut made {
            let paged = |link| to_page(space, link, &[path, &[*part]].concat());
            *child = child.take().map(paged);
        }
    }
    let parts: Vec<u8> = present(mask).collect();
    let links = parts.iter().map(|part| {
        let new = made.iter_mut().find(|(at, _)| at == part);
        new.and_then(|(_, child)| child.take()).unwrap_or_else(|| {
            let at = child_index(head.mask, *part).unwrap_or_default();
            children[at].clone()
        })
    });
    let head = Head { mask, prefix: path[depth..].into() };
    Ok(Some(Link::from_parts(ThinArc::from_header_and_iter(head, links), count)))
}

/// A node of any form from the children of a fork, some of them exchanged.
fn rejoin<V: Value>(
    space: &Space,
    path: &[u8],
    depth: usize,
    (mask, children): (u16, &[Link<V>]),
    made: Changed<V>,
) -> Made<V> {
    let mut all: Vec<(u8, Option<Link<V>>)> = made;
    for (part, child) in present(mask).zip(children) {
        if all.iter().all(|(at, _)| *at != part) {
            all.push((part, Some(child.clone())));
        }
    }
    all.sort_unstable_by_key(|(part, _)| *part);
    let kept = all.into_iter().filter_map(|(part, child)| Some((part, child?)));
    assemble(space, path, depth, kept.collect())
}

/// A node from the children of a fork, in its one canonical form.
///
/// `path` leads from the root to the fork, `depth` is where the node hangs: the nibbles
/// between are its extension.
fn assemble<V: Value>(
    space: &Space,
    path: &[u8],
    depth: usize,
    mut children: Children<V>,
) -> Made<V> {
    let prefix = &path[depth..];
    if children.len() <= 1 {
        return children
            .pop()
            .map(|child| collapse(space, prefix, depth, child))
            .transpose();
    }
    let count: u32 = children.iter().map(|(_, child)| child.count).sum();
    if count <= BUCKET_LEAVES as u32 {
        let mut items = Vec::with_capacity(count as usize);
        for (_, child) in &children {
            gather(space, child, path.len() + 1, &mut items)?;
        }
        return Ok(Some(bucket::make(items, depth, None)));
    }
    let mut mask = 0;
    let mut links = Vec::with_capacity(children.len());
    for (part, child) in children {
        mask |= 1 << part;
        links.push(if count <= PAGE_LEAVES {
            absorb(space, child)?
        } else if matches!(child.node, Node::Page(_)) {
            child
        } else {
            to_page(space, child, &[path, &[part]].concat())
        });
    }
    Ok(Some(Link::branch(prefix.into(), mask, links)))
}

/// A fork with one child is no fork: the child takes its place.
fn collapse<V: Value>(
    space: &Space,
    prefix: &[u8],
    depth: usize,
    (part, child): (u8, Link<V>),
) -> Result<Link<V>, Fault> {
    let child = absorb(space, child)?;
    Ok(match child.node {
        Node::Branch(branch) => {
            let head = &branch.header.header;
            let longer = [prefix, &[part], &head.prefix].concat();
            Link::branch(longer.into(), head.mask, branch.slice.to_vec())
        }
        Node::Bucket(bucket) => {
            let below = depth + prefix.len() + 1;
            bucket::make(items_of(&bucket, below), depth, None)
        }
        Node::Page(_) => return Err(Fault::new("a page inside a page")),
    })
}

/// Adds the leaves of a node that hangs at `depth`.
fn gather<V: Value>(
    space: &Space,
    link: &Link<V>,
    depth: usize,
    items: &mut Vec<Item<V>>,
) -> Result<(), Fault> {
    match &link.node {
        Node::Bucket(bucket) => items.extend(items_of(bucket, depth)),
        Node::Page(_) => {
            return gather(space, &absorb(space, link.clone())?, depth, items);
        }
        Node::Branch(branch) => {
            let depth = depth + branch.header.header.prefix.len() + 1;
            return branch
                .slice
                .iter()
                .try_for_each(|child| gather(space, child, depth, items));
        }
    }
    Ok(())
}

/// The content of a page that becomes part of another; anything else as it is.
fn absorb<V: Value>(space: &Space, link: Link<V>) -> Result<Link<V>, Fault> {
    let Node::Page(page) = &link.node else {
        return Ok(link);
    };
    let content = page.content()?;
    page.supersede(1, space);
    Ok(content)
}

/// Makes a page of what fits one and is none.
fn to_page<V: Value>(space: &Space, link: Link<V>, path: &[u8]) -> Link<V> {
    if link.count > PAGE_LEAVES || matches!(link.node, Node::Page(_)) {
        return link;
    }
    let (count, reference) = (link.count, link.reference);
    Link { node: Node::Page(Page::new(space, path, link)), count, reference }
}

/// Consecutive items whose keys have the same nibble at a position.
fn groups<T>(
    items: &[(B256, T)],
    at: usize,
) -> impl Iterator<Item = (u8, &[(B256, T)])> {
    items
        .chunk_by(move |a, b| nibble(&a.0, at) == nibble(&b.0, at))
        .map(move |group| (nibble(&group[0].0, at), group))
}
