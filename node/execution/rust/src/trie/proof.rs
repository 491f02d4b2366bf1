//! Proofs: the nodes on the way to a key, as `eth_getProof` gives them (EIP-1186).

use alloy_primitives::B256;

use super::bucket;
use super::node::{
    Link, Node, Value, branch_of, child_index, extension_rlp, nibble, references,
};
use crate::error::Fault;

/// RLP of the nodes from the root towards `key`, whether it is there or not. A node that
/// its parent holds inline is not listed again, except at the root.
pub fn prove<V: Value>(
    root: Option<&Link<V>>,
    key: &B256,
) -> Result<Vec<Vec<u8>>, Fault> {
    let mut nodes = Vec::new();
    if let Some(root) = root {
        walk(root, key, 0, &mut nodes)?;
    }
    Ok(nodes)
}

fn walk<V: Value>(
    link: &Link<V>,
    key: &B256,
    depth: usize,
    nodes: &mut Vec<Vec<u8>>,
) -> Result<(), Fault> {
    let mut list = |rlp: Vec<u8>| {
        if nodes.is_empty() || rlp.len() >= 32 {
            nodes.push(rlp);
        }
    };
    match &link.node {
        Node::Page(page) => walk(&page.content()?, key, depth, nodes),
        Node::Bucket(bucket) => {
            bucket::walk(&bucket.slice, key, depth, &mut list);
            Ok(())
        }
        Node::Branch(branch) => {
            let head = &branch.header.header;
            let mut rlp = Vec::new();
            let children = references(head.mask, &branch.slice);
            let inner = branch_of(&children, &[], &mut rlp);
            if !head.prefix.is_empty() {
                let mut above = Vec::new();
                extension_rlp(&head.prefix, &inner, &mut above);
                list(above);
            }
            let mut parts = head.prefix.iter().enumerate();
            if !parts.all(|(at, part)| nibble(key, depth + at) == *part) {
                return Ok(());
            }
            list(rlp);
            let depth = depth + head.prefix.len();
            match child_index(head.mask, nibble(key, depth)) {
                Some(at) => walk(&branch.slice[at], key, depth + 1, nodes),
                None => Ok(()),
            }
        }
    }
}
