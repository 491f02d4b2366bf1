//! CPU time by phase, for the benchmark: what this thread spent, not what the clock says.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What the executor does with a block.
#[derive(Clone, Copy)]
pub enum Phase {
    /// Decoding, checking, recovering senders.
    Recover,
    /// The EVM, system calls and receipts included.
    Execute,
    /// The new state and the three roots.
    Roots,
    /// Making a block the head.
    Commit,
    /// Writing checkpoints, in the background.
    Checkpoint,
}

pub const NAMES: [&str; 5] = ["recover", "execute", "roots", "commit", "checkpoint"];

static SPENT_NS: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

/// Nanoseconds of every phase since the process began, over all executors in it.
pub fn spent_ns() -> [u64; 5] {
    std::array::from_fn(|at| SPENT_NS[at].load(Ordering::Relaxed))
}

/// Adds up the time from its making to its end.
pub struct Span {
    phase: Phase,
    began: Instant,
    cpu_ns: Option<u64>,
}

impl Span {
    pub fn begin(phase: Phase) -> Self {
        Self { phase, began: Instant::now(), cpu_ns: thread_cpu_ns() }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let spent = match (self.cpu_ns, thread_cpu_ns()) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => self.began.elapsed().as_nanos() as u64,
        };
        SPENT_NS[self.phase as usize].fetch_add(spent, Ordering::Relaxed);
    }
}

/// CPU time of this thread where the system tells.
#[cfg(unix)]
fn thread_cpu_ns() -> Option<u64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).ok()?;
    Some(seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?)
}

#[cfg(not(unix))]
fn thread_cpu_ns() -> Option<u64> {
    None
}
