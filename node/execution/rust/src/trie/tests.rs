//! Roots against alloy-trie's builder and the public vectors; pages against a small store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_trie::proof::verify_proof;
use alloy_trie::{HashBuilder, Nibbles};

use super::disk::{Saveable, Sink, read_link, write_changes, write_link};
use super::proof::prove;
use super::{Change, EMPTY_ROOT, Link, Meter, Node, Source, Space, root_hash, update};
use crate::error::Fault;
use crate::state::Slot;

/// A store in memory.
#[derive(Default)]
pub struct Memory {
    records: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
    meter: Meter,
}

impl Source for Memory {
    fn load(&self, key: &[u8]) -> Result<Vec<u8>, Fault> {
        let records = self.records.lock().unwrap();
        records.get(key).cloned().ok_or_else(|| Fault::corrupt("a record is missing"))
    }

    fn meter(&self) -> &Meter {
        &self.meter
    }
}

struct Writing<'a>(&'a Memory, Vec<Arc<dyn Saveable>>);

impl Sink for Writing<'_> {
    fn put(&mut self, key: &[u8], record: &[u8]) -> Result<(), Fault> {
        self.0.records.lock().unwrap().insert(key.into(), record.into());
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Result<(), Fault> {
        let gone = self.0.records.lock().unwrap().remove(key);
        assert!(gone.is_some(), "removed what was not there");
        Ok(())
    }

    fn written(&mut self, page: Arc<dyn Saveable>) {
        self.1.push(page);
    }
}

struct Bench {
    memory: Arc<Memory>,
    space: Space,
    seed: u64,
    model: BTreeMap<B256, U256>,
}

impl Bench {
    fn new(parallel: bool) -> Self {
        let memory = Arc::new(Memory::default());
        let source: Arc<dyn Source> = memory.clone();
        let space = Space { parallel, ..Space::new(source, Some(B256::ZERO)) };
        Self { memory, space, seed: 7, model: BTreeMap::new() }
    }

    fn random(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }

    /// Keys of several shapes: spread out, below one prefix, differing at the end only.
    fn key(&mut self) -> B256 {
        let number = self.random();
        let mut key = keccak256((number % 5000).to_be_bytes());
        match number % 5 {
            0 => key[..5].fill(0xab),
            1 => {
                key.fill(0x11);
                key[31] = number as u8;
            }
            2 => {
                key[..29].fill(0x22);
            }
            _ => {}
        }
        key
    }

    fn changes(&mut self, count: usize) -> Vec<Change<Slot>> {
        let mut changes = BTreeMap::new();
        for _ in 0..count {
            let known = self.model.keys().next().copied();
            let value = match self.random() % 8 {
                0..3 => U256::ZERO,
                3 => U256::from(self.random() % 100),
                _ => U256::from(self.random()) << (self.random() % 150),
            };
            let key = match known {
                Some(known) if self.random().is_multiple_of(6) => known,
                _ => self.key(),
            };
            changes.insert(key, value);
        }
        for (key, value) in &changes {
            if value.is_zero() {
                self.model.remove(key);
            } else {
                self.model.insert(*key, *value);
            }
        }
        let slot = |value: U256| (!value.is_zero()).then_some(Slot::new(value));
        changes.into_iter().map(|(key, value)| (key, slot(value))).collect()
    }

    fn step(&mut self, root: Option<&Link<Slot>>, count: usize) -> Option<Link<Slot>> {
        let changes = self.changes(count);
        let made = update(&self.space, root, &changes).unwrap();
        assert_eq!(root_hash(made.as_ref()), expected_root(&self.model));
        assert_eq!(
            made.as_ref().map_or(0, |link| link.count) as usize,
            self.model.len()
        );
        made
    }

    fn save(&self, old: Option<&Link<Slot>>, new: Option<&Link<Slot>>) {
        let mut sink = Writing(&self.memory, Vec::new());
        write_changes(&self.space, old, new, &mut sink).unwrap();
        for page in sink.1 {
            page.mark_saved();
        }
    }

    fn reopen(&self, node: &Link<Slot>) -> Link<Slot> {
        let mut link = Vec::new();
        write_link(node, &mut link);
        read_link(&self.space, &[], &mut &link[..]).unwrap()
    }
}

fn expected_root(model: &BTreeMap<B256, U256>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in model {
        builder.add_leaf(Nibbles::unpack(key), &alloy_rlp::encode(value));
    }
    builder.root()
}

fn all(node: &Link<Slot>) -> BTreeMap<B256, U256> {
    let mut found = BTreeMap::new();
    node.for_each(&mut |key, slot| {
        found.insert(*key, slot.word());
        Ok(())
    })
    .unwrap();
    found
}

fn evict(node: &Link<Slot>) -> usize {
    match &node.node {
        Node::Bucket(_) => 0,
        Node::Page(page) => usize::from(page.evict()),
        Node::Branch(branch) => branch.slice.iter().map(evict).sum(),
    }
}

#[test]
fn every_batch_gives_the_root_of_a_trie_built_from_nothing() {
    for parallel in [false, true] {
        let mut bench = Bench::new(parallel);
        let mut root = None;
        for round in 0..120 {
            root = bench.step(root.as_ref(), [1, 7, 40, 600][round % 4]);
        }
        let removals: Vec<_> = bench.model.keys().map(|key| (*key, None)).collect();
        let (half, _) = removals.split_at(removals.len() / 2);
        let less = update(&bench.space, root.as_ref(), half).unwrap();
        bench.model = bench.model.split_off(&removals[half.len()].0);
        assert_eq!(root_hash(less.as_ref()), expected_root(&bench.model));
        let none = update(&bench.space, root.as_ref(), &removals).unwrap();
        assert!(none.is_none());
        assert_eq!(root_hash(none.as_ref()), EMPTY_ROOT);
    }
}

#[test]
fn removing_what_is_not_there_changes_nothing() {
    let mut bench = Bench::new(false);
    let root = bench.step(None, 900);
    let key = |at: u8| B256::right_padding_from(&[at, at, at]);
    let absent: Vec<_> = (1..40).map(|at| (key(at), None)).collect();
    let same = update(&bench.space, root.as_ref(), &absent).unwrap();
    assert_eq!(root_hash(same.as_ref()), root_hash(root.as_ref()));
}

#[test]
fn an_older_version_stays_whole() {
    let mut bench = Bench::new(false);
    let first = bench.step(None, 2_000).unwrap();
    let before = bench.model.clone();
    bench.step(Some(&first), 2_000);
    assert_eq!(all(&first), before);
}

#[test]
fn saved_pages_give_way_and_come_back() {
    let mut bench = Bench::new(false);
    let mut root = None;
    for round in 0..40 {
        let old = root.clone();
        for _ in 0..3 {
            root = bench.step(root.as_ref(), [3, 50, 900][round % 3]);
        }
        bench.save(old.as_ref(), root.as_ref());
        if let Some(root) = &root {
            assert!(evict(root) > 0 || bench.model.is_empty());
            assert_eq!(all(&bench.reopen(root)), bench.model);
        }
    }
    assert!(bench.memory.meter.loads.load(std::sync::atomic::Ordering::Relaxed) > 0);
}

#[test]
fn the_store_holds_no_record_that_nothing_reaches() {
    let mut bench = Bench::new(false);
    let mut root = None;
    for _ in 0..20 {
        let old = root.clone();
        root = bench.step(root.as_ref(), 700);
        bench.save(old.as_ref(), root.as_ref());
    }
    let removals: Vec<_> = bench.model.keys().map(|key| (*key, None)).collect();
    let fewer = update(&bench.space, root.as_ref(), &removals[3..]).unwrap();
    bench.save(root.as_ref(), fewer.as_ref());
    assert_eq!(bench.memory.records.lock().unwrap().len(), 1);
    let none = update(&bench.space, fewer.as_ref(), &removals[..3]).unwrap();
    bench.save(fewer.as_ref(), none.as_ref());
    assert!(bench.memory.records.lock().unwrap().is_empty());
}

#[test]
fn a_superseded_page_outlives_its_record() {
    let mut bench = Bench::new(false);
    let first = bench.step(None, 3_000).unwrap();
    let before = bench.model.clone();
    bench.save(None, Some(&first));
    let evicted = evict(&first);
    assert!(evicted > 3);
    let second = bench.step(Some(&first), 3_000);
    bench.save(Some(&first), second.as_ref());
    second.as_ref().map(evict);
    assert_eq!(all(&first), before);
}

#[test]
fn memory_is_given_back_when_pages_go() {
    let mut bench = Bench::new(false);
    let resident = |bench: &Bench| {
        bench.memory.meter.resident_bytes.load(std::sync::atomic::Ordering::Relaxed)
    };
    let root = bench.step(None, 3_000).unwrap();
    assert!(resident(&bench) >= bench.model.len() * 130);
    bench.save(None, Some(&root));
    evict(&root);
    assert_eq!(resident(&bench), 0);
    all(&root);
    drop(root);
    assert_eq!(resident(&bench), 0);
}

#[test]
fn a_flipped_bit_in_a_record_is_noticed() {
    let mut bench = Bench::new(false);
    let root = bench.step(None, 1_200).unwrap();
    bench.save(None, Some(&root));
    evict(&root);
    let keys: Vec<_> = bench.memory.records.lock().unwrap().keys().cloned().collect();
    for key in keys {
        let flip = || {
            let mut records = bench.memory.records.lock().unwrap();
            let record = records.get_mut(&key).unwrap();
            let middle = record.len() / 2;
            record[middle] ^= 4;
        };
        flip();
        let mut link = Vec::new();
        write_link(&root, &mut link);
        let reopened = read_link::<Slot>(&bench.space, &[], &mut &link[..]);
        let read = reopened.and_then(|node| node.for_each(&mut |_, _| Ok(())));
        assert!(read.is_err(), "a damaged record was read");
        flip();
    }
}

#[test]
fn proofs_verify_for_what_is_there_and_what_is_not() {
    let mut bench = Bench::new(false);
    let root = bench.step(None, 2_500);
    let hash = root_hash(root.as_ref());
    let known: Vec<_> =
        bench.model.iter().map(|(key, word)| (*key, Some(*word))).collect();
    let absent = (0..200u64).map(|at| (keccak256(at.to_le_bytes()), None));
    for (key, word) in known.into_iter().chain(absent) {
        let proof: Vec<Bytes> =
            prove(root.as_ref(), &key).unwrap().into_iter().map(Bytes::from).collect();
        let expected = word.map(alloy_rlp::encode);
        verify_proof(hash, Nibbles::unpack(key), expected, &proof).unwrap();
    }
}

/// `trie/*secure*.json` of ethereum/tests; keys are hashed, values are byte strings.
#[test]
fn the_public_vectors_of_secure_tries() {
    let folder =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/vectors/trie");
    let Ok(folder) = std::fs::read_dir(folder) else {
        eprintln!("skipped: no public vectors beside the checkout");
        return;
    };
    let mut count = 0;
    for file in folder {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().to_lowercase();
        if !name.contains("secure") || !name.ends_with(".json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (name, case) in cases.as_object().unwrap() {
            assert_eq!(vectors::root_of(case), vectors::bytes(&case["root"]), "{name}");
            count += 1;
        }
    }
    assert!(count >= 3, "only {count} cases");
}

mod vectors {
    use super::*;
    use crate::trie::Value;

    #[derive(Clone, PartialEq)]
    struct Text(Vec<u8>);

    impl Value for Text {
        const LEAF_BYTES: usize = 160;
        const HAS_TRIE: bool = false;

        fn write_rlp(&self, out: &mut Vec<u8>) {
            out.extend_from_slice(&self.0);
        }

        fn write_disk(&self, out: &mut Vec<u8>) {
            out.extend_from_slice(&self.0);
        }

        fn read_disk(
            _: &B256,
            _: &mut &[u8],
            _: &Arc<dyn Source>,
        ) -> Result<Self, Fault> {
            Err(Fault::new("not stored"))
        }
    }

    pub fn bytes(text: &serde_json::Value) -> Vec<u8> {
        let text = text.as_str().unwrap();
        match text.strip_prefix("0x") {
            Some(hex) => alloy_primitives::hex::decode(hex).unwrap(),
            None => text.as_bytes().to_vec(),
        }
    }

    pub fn root_of(case: &serde_json::Value) -> Vec<u8> {
        let source: Arc<dyn Source> = Arc::new(Memory::default());
        let space = Space::new(source, None);
        let mut root = None;
        let mut apply = |key: Vec<u8>, value: Option<Vec<u8>>| {
            let change = [(keccak256(key), value.map(Text))];
            root = update(&space, root.as_ref(), &change).unwrap();
        };
        match &case["in"] {
            serde_json::Value::Array(pairs) => {
                for pair in pairs {
                    apply(
                        bytes(&pair[0]),
                        (!pair[1].is_null()).then(|| bytes(&pair[1])),
                    );
                }
            }
            pairs => {
                for (key, value) in pairs.as_object().unwrap() {
                    let key = bytes(&serde_json::Value::String(key.clone()));
                    apply(key, (!value.is_null()).then(|| bytes(value)));
                }
            }
        }
        root_hash(root.as_ref()).to_vec()
    }
}
