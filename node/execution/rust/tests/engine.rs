//! The engine against its contract: pending, committed, discarded, past.

mod common;

use alloy_primitives::{Address, B256, U256, address};
use chandlery_native::engine::{Engine, Settings};
use chandlery_native::error::{Kind, Trouble};
use chandlery_native::header::Block;
use chandlery_native::propose::Chain as _;
use chandlery_native::view::View;
use common::{
    Chain, STORE, genesis, genesis_header, genesis_with, sample_blocks, sender,
    settings,
};
use common::{signed, store, transfer};

fn slot(engine: &Engine, digest: &B256, slot: u64) -> U256 {
    engine.version(digest).unwrap().state.slot(&STORE, &U256::from(slot)).unwrap()
}

#[test]
fn siblings_wait_beside_each_other_and_one_becomes_the_head() {
    let mut chain = Chain::new(settings());
    let first = chain.build(&[store(0, 0, 1, 11)]);
    let second = chain.build(&[store(0, 0, 1, 22)]);
    assert_ne!(first.executed.digest, second.executed.digest);
    let genesis = chain.engine.head().position.digest;
    assert_eq!(slot(&chain.engine, &genesis, 1), U256::ZERO);
    let digest = chain.commit(second.block, second.executed.digest);
    assert_eq!(slot(&chain.engine, &digest, 1), U256::from(22));
    let gone = chain.engine.commit(&first.executed.digest);
    assert!(matches!(gone, Err(Trouble::Unknown(_))));
    chain.engine.commit(&digest).unwrap();
}

#[test]
fn a_discarded_block_leaves_no_trace() {
    let mut chain = Chain::new(settings());
    let built = chain.build(&[store(0, 0, 1, 11)]);
    chain.engine.discard(&built.executed.digest);
    chain.engine.discard(&B256::ZERO);
    assert!(matches!(
        chain.engine.commit(&built.executed.digest),
        Err(Trouble::Unknown(_))
    ));
    let digest = chain.add(&[store(0, 0, 2, 5)]);
    assert_eq!(slot(&chain.engine, &digest, 1), U256::ZERO);
    assert_eq!(slot(&chain.engine, &digest, 2), U256::from(5));
}

#[test]
fn a_false_claim_of_the_header_makes_a_block_invalid() {
    let chain = Chain::new(settings());
    let built = chain.build(&[store(0, 0, 1, 11)]);
    chain.engine.discard(&built.executed.digest);
    let root = built.executed.state_root;
    let at =
        built.block.windows(32).position(|window| window == root.as_slice()).unwrap();
    let mut block = built.block.clone();
    block[at] ^= 1;
    match chain.engine.execute(&block) {
        Err(Trouble::Invalid(message)) => {
            assert!(message.contains("state root"), "{message}")
        }
        other => panic!("{:?}", other.map(|executed| executed.digest)),
    }
    assert_eq!(chain.engine.execute(&built.block).unwrap().state_root, root);
}

#[test]
fn a_held_header_with_another_body_is_invalid() {
    let mut chain = Chain::new(settings());
    let built = chain.build(&[store(0, 0, 1, 11)]);
    let header = Block::decode(&built.block).unwrap().header;
    let forged = Block::encode(&header, &[store(0, 0, 1, 12).into()]);
    assert!(matches!(chain.engine.execute(&forged), Err(Trouble::Invalid(_))));
    assert_eq!(chain.engine.execute(&built.block).unwrap().digest, header.digest);
    chain.commit(built.block, header.digest);
}

#[test]
fn building_passes_over_what_does_not_fit_and_names_what_never_will() {
    let chain = Chain::new(settings());
    let mut poor = transfer(0);
    poor.max_priority_fee_per_gas = poor.max_fee_per_gas + 1;
    let mut cheap = transfer(0);
    (cheap.max_fee_per_gas, cheap.max_priority_fee_per_gas) = (1, 1);
    let raws = [
        store(0, 0, 1, 1),
        store(0, 0, 1, 2),
        store(0, 5, 1, 3),
        signed(9, poor),
        signed(9, transfer(0)),
        signed(1, cheap),
        vec![3, 1, 2],
        store(0, 1, 1, 4),
    ];
    let built = chain.build(&raws);
    assert_eq!(built.included, [0, 7]);
    let kinds: Vec<_> = built.refused.iter().map(|(at, why)| (*at, why.kind)).collect();
    let expected = [
        (1, Kind::NonceTooLow),
        (3, Kind::PriorityAboveMax),
        (4, Kind::InsufficientFunds),
        (6, Kind::UnsupportedType),
    ];
    assert_eq!(kinds, expected);
    let touched = &built.executed.touched;
    assert_eq!((touched[0].0, touched[0].1), (sender(0), 2));
}

#[test]
fn past_states_read_the_same_whole_or_rebuilt_and_after_a_restart() {
    let blocks = sample_blocks(40);
    for is_restarted in [false, true] {
        let folder = Folder::new();
        let open = || {
            let settings = Settings { window: 30, ..settings() };
            Engine::open(Some(folder.path()), &genesis(), &genesis_header(), settings)
                .unwrap()
        };
        let mut engine = open();
        let mut digests = Vec::new();
        let mut roots = Vec::new();
        for block in &blocks {
            let executed = engine.execute(block).unwrap();
            engine.commit(&executed.digest).unwrap();
            digests.push(executed.digest);
            roots.push(executed.state_root);
        }
        if is_restarted {
            engine.close().unwrap();
            drop(engine);
            engine = open();
            assert_eq!(engine.durable().number, 40);
        }
        for (at, digest) in digests.iter().enumerate() {
            let height = at as u64 + 1;
            match engine.version(digest) {
                Ok(version) => {
                    assert!(height > 10, "{height} should be pruned");
                    assert_eq!(version.state.root(), roots[at]);
                    assert_eq!(version.position.number, height);
                    assert_eq!(
                        version.position.ancestors[..2],
                        [digests[at], digests[at - 1]]
                    );
                }
                Err(Trouble::Unknown(_)) => {
                    assert!(height <= 10, "{height} is not held")
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn an_archive_reads_every_state() {
    let blocks = sample_blocks(30);
    let folder = Folder::new();
    let settings = Settings { window: 2, is_archive: true, ..settings() };
    let engine =
        Engine::open(Some(folder.path()), &genesis(), &genesis_header(), settings)
            .unwrap();
    let genesis = engine.head();
    let mut known = vec![(genesis.position.digest, genesis.state.root())];
    drop(genesis);
    for (at, block) in blocks.iter().enumerate() {
        let executed = engine.execute(block).unwrap();
        engine.commit(&executed.digest).unwrap();
        known.push((executed.digest, executed.state_root));
        if at % 7 == 0 {
            engine.flush().unwrap();
        }
    }
    for (digest, root) in known {
        assert_eq!(engine.version(&digest).unwrap().state.root(), root);
    }
}

#[test]
fn a_small_memory_gives_pages_up_and_reads_them_again() {
    let genesis = genesis_with(3_000);
    let run = |memory_bytes: usize| {
        let backend = redb::backends::InMemoryBackend::new();
        let settings = Settings { memory_bytes, window: 2, ..settings() };
        let mut chain = Chain::of(backend, &genesis, settings);
        for nonce in 0..60 {
            chain.add(&[store(0, nonce, 1_000 + nonce * 37, nonce)]);
            chain.engine.flush().unwrap();
        }
        (chain.engine.head().state.root(), chain.engine.memory())
    };
    let (wide_root, (wide_bytes, wide_loads)) = run(1 << 30);
    let (root, (bytes, loads)) = run(2);
    assert_eq!(root, wide_root);
    assert_eq!(wide_loads, 0);
    assert!(loads > 30, "{loads}");
    assert!(bytes < wide_bytes / 2, "{bytes} {wide_bytes}");
}

#[test]
fn the_last_checkpoint_costs_no_second_copy_unless_a_view_reads_it() {
    let genesis = genesis_with(3_000);
    let backend = redb::backends::InMemoryBackend::new();
    let settings = Settings { window: 1, ..settings() };
    let mut chain = Chain::of(backend, &genesis, settings);
    let mut nonce = 0;
    let mut overwrite = |chain: &mut Chain| {
        for at in (0..3_000).step_by(100) {
            let writes =
                (0..100).map(|slot| store(0, nonce + slot, 1_000 + at + slot, 9));
            chain.add(&writes.collect::<Vec<_>>());
            nonce += 100;
        }
    };
    let once = chain.engine.memory().0;
    let first = chain.engine.head().position.digest;
    let view = View::open(&*chain.engine, &first).unwrap();
    overwrite(&mut chain);
    // The store holds the newer pages now: the view's are nowhere but in memory.
    chain.engine.flush().unwrap();
    assert_eq!(view.slot(&STORE, &U256::from(1_500)).unwrap(), U256::from(7));
    assert_eq!(
        view.proof(&STORE, &[U256::from(3_999)]).unwrap().storage_proofs[0]
            .1
            .to::<u64>(),
        7
    );
    drop(view);
    overwrite(&mut chain);
    assert!(
        chain.engine.memory().0 < once * 13 / 10,
        "{once} {:?}",
        chain.engine.memory()
    );
}

#[test]
fn a_view_reads_its_own_state_while_the_head_moves_on() {
    let mut chain = Chain::new(settings());
    let old = chain.add(&[store(0, 0, 1, 11)]);
    let view = View::open(&*chain.engine, &old).unwrap();
    chain.add(&[store(0, 1, 1, 99), store(0, 2, 2, 98)]);
    let proof = view.proof(&STORE, &[U256::from(1), U256::from(2)]).unwrap();
    assert_eq!(proof.storage_proofs[0].1, U256::from(11));
    assert_eq!(proof.storage_proofs[1].1, U256::ZERO);
    assert_eq!(view.slot(&STORE, &U256::from(1)).unwrap(), U256::from(11));
    assert_eq!(view.account(&Address::ZERO).unwrap().balance, U256::ZERO);
}

#[test]
fn another_chains_folder_is_refused() {
    let folder = Folder::new();
    let header = genesis_header();
    let engine =
        Engine::open(Some(folder.path()), &genesis(), &header, settings()).unwrap();
    let busy = Engine::open(Some(folder.path()), &genesis(), &header, settings());
    assert!(matches!(busy, Err(Trouble::Usage(message)) if message.contains("in use")));
    engine.close().unwrap();
    let mut other = chandlery_native::header::Header::decode(&header).unwrap().inner;
    other.timestamp = 5;
    let other = alloy_rlp::encode(other);
    let refused = Engine::open(Some(folder.path()), &genesis(), &other, settings());
    assert!(
        matches!(refused, Err(Trouble::Usage(message)) if message.contains("another network"))
    );
}

#[test]
fn the_validator_set_is_read_from_the_state_after_a_block() {
    let mut chain = Chain::new(settings());
    let built = chain.build(&[store(0, 0, 1, 1)]);
    let expected = address!("0x0000000000000000000000000000000000001234");
    assert_eq!(built.executed.validators.as_deref(), Some(&[expected][..]));
    chain.commit(built.block, built.executed.digest);
}

/// A folder that goes with the test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: std::sync::atomic::AtomicU32 =
            std::sync::atomic::AtomicU32::new(0);
        let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("chandlery-native-{}-{next}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Best effort: a folder that stays behind in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
