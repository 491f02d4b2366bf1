//! Killed at any instant, the state opens at a checkpoint and the blocks lead on from it.

mod common;

use std::io;
use std::sync::{Arc, Mutex};

use chandlery_native::engine::Engine;
use chandlery_native::header::Block;
use chandlery_native::propose::Chain as _;
use chandlery_native::store::Store;
use common::{Chain, genesis, genesis_header, sample_blocks, settings};
use redb::StorageBackend;

/// What a disk that loses power keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loss {
    /// Everything written before the failure.
    Nothing,
    /// All writes since the last sync.
    Unsynced,
    /// Every other write since the last sync.
    EveryOther,
}

#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    /// Bytes at the last sync, and the writes since then.
    synced: Vec<u8>,
    since: Vec<(u64, Vec<u8>)>,
    operations: usize,
    fails_at: Option<usize>,
}

impl Disk {
    /// Counts an operation; from `fails_at` on nothing works any more.
    fn step(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.fails_at {
            Some(limit) if self.operations > limit => {
                Err(io::Error::other("power lost"))
            }
            _ => Ok(()),
        }
    }

    fn survives(&self, loss: Loss) -> Vec<u8> {
        if loss == Loss::Nothing {
            return self.bytes.clone();
        }
        let mut bytes = self.synced.clone();
        bytes.resize(bytes.len().max(self.bytes.len()), 0);
        if loss == Loss::EveryOther {
            for (offset, data) in self.since.iter().step_by(2) {
                let start = *offset as usize;
                bytes[start..start + data.len()].copy_from_slice(data);
            }
        }
        bytes
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Disk>>);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl StorageBackend for Shared {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.0.lock().unwrap();
        let start = offset as usize;
        out.copy_from_slice(&disk.bytes[start..start + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.step()?;
        disk.bytes.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.step()?;
        disk.synced = disk.bytes.clone();
        disk.since.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.step()?;
        let start = offset as usize;
        disk.bytes[start..start + data.len()].copy_from_slice(data);
        disk.since.push((offset, data.to_vec()));
        Ok(())
    }
}

/// Runs the blocks with a checkpoint after every third until the disk fails; the height
/// that was reported as durable.
fn live(disk: &Shared, blocks: &[Vec<u8>]) -> u64 {
    let Ok(store) = Store::on(disk.clone()) else {
        return 0;
    };
    let Ok(engine) =
        Engine::with_store(store, &genesis(), &genesis_header(), settings())
    else {
        return 0;
    };
    for (at, block) in blocks.iter().enumerate() {
        let executed = engine.execute(block).unwrap();
        if engine.commit(&executed.digest).is_err()
            || (at % 3 == 2 && engine.flush().is_err())
        {
            break;
        }
    }
    engine.durable().number
}

/// Opens what survived and replays the rest; the height that it opened at.
fn recover(bytes: Vec<u8>, blocks: &[Vec<u8>]) -> u64 {
    let disk = Shared::default();
    disk.0.lock().unwrap().synced = bytes.clone();
    disk.0.lock().unwrap().bytes = bytes;
    let chain = Chain::on(disk, settings());
    let height = chain.engine.durable().number;
    for block in &blocks[height as usize..] {
        // `execute` checks every root against the block's header.
        let executed = chain.engine.execute(block).unwrap();
        chain.engine.commit(&executed.digest).unwrap();
    }
    let last = Block::decode(blocks.last().unwrap()).unwrap().header;
    assert_eq!(chain.engine.head().position.digest, last.digest);
    assert_eq!(chain.engine.head().state.root(), last.inner.state_root);
    height
}

#[test]
fn a_crash_at_any_write_loses_no_checkpoint_that_was_reported() {
    let blocks = sample_blocks(9);
    let whole = Shared::default();
    assert_eq!(live(&whole, &blocks), 9);
    let operations = whole.0.lock().unwrap().operations;
    assert!(operations > 30);
    for loss in [Loss::Nothing, Loss::Unsynced, Loss::EveryOther] {
        let mut seen = [false; 10];
        for limit in 0..operations {
            let disk = Shared::default();
            disk.0.lock().unwrap().fails_at = Some(limit);
            let reported = live(&disk, &blocks);
            let survived = disk.0.lock().unwrap().survives(loss);
            let height = recover(survived, &blocks);
            assert_eq!(height % 3, 0, "{loss:?} {limit}: between two checkpoints");
            assert!(height >= reported, "{loss:?} {limit}: {reported} was reported");
            seen[height as usize] = true;
        }
        assert!([0, 3, 6, 9].iter().all(|height| seen[*height]), "{loss:?}: {seen:?}");
    }
}
