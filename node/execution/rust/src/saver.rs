//! Checkpoints in the background: one thread that writes, and what is known of its work.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use alloy_primitives::B256;

use crate::error::Fault;
use crate::phases::{Phase, Span};
use crate::store::{Checkpoint, Position, Store};

/// What the thread did last and does now.
struct Progress {
    durable: Position,
    next: Option<Checkpoint>,
    is_busy: bool,
    is_closing: bool,
    fault: Option<Fault>,
}

struct Shared {
    progress: Mutex<Progress>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, guard: MutexGuard<'a, Progress>) -> MutexGuard<'a, Progress> {
        self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that makes checkpoints durable, one at a time.
pub struct Saver {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Saver {
    pub fn start(
        store: Arc<Store>,
        genesis: B256,
        durable: Position,
    ) -> Result<Self, Fault> {
        let progress = Progress {
            durable,
            next: None,
            is_busy: false,
            is_closing: false,
            fault: None,
        };
        let shared = Arc::new(Shared {
            progress: Mutex::new(progress),
            changed: Condvar::new(),
        });
        let mine = shared.clone();
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || work(&mine, &store, genesis))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The newest block whose state is durable.
    pub fn durable(&self) -> Position {
        self.shared.lock().durable.clone()
    }

    /// Fails with what stopped the thread, if something did.
    pub fn check(&self) -> Result<(), Fault> {
        self.shared.lock().fault.clone().map_or(Ok(()), Err)
    }

    /// Whether a checkpoint can be handed over without waiting.
    pub fn is_idle(&self) -> bool {
        let progress = self.shared.lock();
        !progress.is_busy && progress.next.is_none()
    }

    /// Hands a checkpoint over; waits while an earlier one is being written.
    pub fn save(&self, checkpoint: Checkpoint) -> Result<(), Fault> {
        let mut progress = self.shared.lock();
        while (progress.is_busy || progress.next.is_some()) && progress.fault.is_none()
        {
            progress = self.shared.wait(progress);
        }
        if let Some(fault) = &progress.fault {
            return Err(fault.clone());
        }
        progress.next = Some(checkpoint);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Waits until everything handed over is durable.
    pub fn flush(&self) -> Result<(), Fault> {
        let mut progress = self.shared.lock();
        while (progress.is_busy || progress.next.is_some()) && progress.fault.is_none()
        {
            progress = self.shared.wait(progress);
        }
        progress.fault.clone().map_or(Ok(()), Err)
    }

    /// Ends the thread after what it does now.
    pub fn stop(&mut self) {
        self.shared.lock().is_closing = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already turned into a fault that `check` shows.
            let _ = thread.join();
        }
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        self.stop();
    }
}

fn work(shared: &Shared, store: &Store, genesis: B256) {
    loop {
        let mut progress = shared.lock();
        let checkpoint = loop {
            if let Some(next) = progress.next.take() {
                break next;
            }
            if progress.is_closing {
                return;
            }
            progress = shared.wait(progress);
        };
        progress.is_busy = true;
        drop(progress);
        let span = Span::begin(Phase::Checkpoint);
        let saving = std::panic::AssertUnwindSafe(|| store.save(&checkpoint, genesis));
        let saved = std::panic::catch_unwind(saving)
            .unwrap_or_else(|_| Err(Fault::new("the checkpoint thread panicked")));
        let position = checkpoint.position.clone();
        // Frees what only this checkpoint still held, outside the lock.
        drop(checkpoint);
        drop(span);
        let mut progress = shared.lock();
        progress.is_busy = false;
        match saved {
            Ok(()) => progress.durable = position,
            Err(fault) => progress.fault = Some(fault),
        }
        shared.changed.notify_all();
    }
}
