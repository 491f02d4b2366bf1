//! Giving up pages when memory runs short: those that were read longest ago.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::node::{Link, Node, Value};
use super::page::{Meter, Page};
use crate::error::Fault;

/// A page, whatever its leaves hold.
pub trait Evictable: Send + Sync {
    fn used(&self) -> u32;
    fn evict(&self) -> bool;
    fn release(&self) -> bool;
}

impl<V: Value> Evictable for Page<V> {
    fn used(&self) -> u32 {
        Page::used(self)
    }

    fn evict(&self) -> bool {
        Page::evict(self)
    }

    fn release(&self) -> bool {
        Page::release(self)
    }
}

/// Adds the pages of a trie that are in memory, those of the tries below first.
pub fn collect<V: Value>(
    root: &Link<V>,
    pages: &mut Vec<Arc<dyn Evictable>>,
) -> Result<(), Fault> {
    match &root.node {
        Node::Bucket(_) => Ok(()),
        Node::Branch(branch) => {
            branch.slice.iter().try_for_each(|child| collect(child, pages))
        }
        Node::Page(page) => {
            let Some(content) = page.resident() else {
                return Ok(());
            };
            let mut is_small = true;
            if V::HAS_TRIE {
                content.for_each(&mut |_, value| {
                    is_small &= value.pages_below(pages)?;
                    Ok(())
                })?;
            }
            // What a discarded block derived from this page supersedes nothing.
            page.restore();
            if is_small {
                pages.push(page.clone());
            }
            Ok(())
        }
    }
}

/// Evicts in the order of the last use until pages take `target_bytes`.
pub fn give_up(mut pages: Vec<Arc<dyn Evictable>>, meter: &Meter, target_bytes: usize) {
    pages.sort_by_key(|page| page.used());
    for page in pages {
        if meter.resident_bytes.load(Ordering::Relaxed) <= target_bytes {
            return;
        }
        page.evict();
    }
}
