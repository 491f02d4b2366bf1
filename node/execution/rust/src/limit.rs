//! A clock for runs that may use much gas.

use std::time::{Duration, Instant};

use revm::Inspector;
use revm::bytecode::opcode::{DUP1, DUP16, SWAP1, SWAP16};
use revm::context_interface::ContextTr;
use revm::context_interface::context::ContextError;
use revm::interpreter::Interpreter;
use revm::interpreter::interpreter_types::Jumps;

/// What a call says that ran out of time.
pub const TIMED_OUT: &str = "execution timeout: the call ran longer than 5 s";
pub const CALL_TIME: Duration = Duration::from_secs(5);
/// Gas up to which a run is short enough to go without a clock, which slows it down.
pub const UNWATCHED_GAS: u64 = 60_000_000;
/// Instructions between two looks at the clock.
const STEPS: u32 = 4096;

/// Stops a run once it has taken its time, and knows what it did last.
#[derive(Default)]
pub struct TimeLimit {
    /// Without an end it only looks on.
    until: Option<Instant>,
    steps: u32,
    opcode: u8,
    stack_len: usize,
}

impl TimeLimit {
    pub fn of(time: Duration) -> Self {
        Self::until(Instant::now() + time)
    }

    pub fn until(end: Instant) -> Self {
        Self { until: Some(end), ..Self::default() }
    }

    /// Whether the last instruction copied from below the stack's bottom. The machine
    /// calls that an overflow.
    pub fn is_underflow(&self) -> bool {
        let depth = match self.opcode {
            DUP1..=DUP16 => usize::from(self.opcode - DUP1) + 1,
            SWAP1..=SWAP16 => usize::from(self.opcode - SWAP1) + 2,
            _ => 0,
        };
        self.stack_len < depth
    }
}

impl<CTX: ContextTr> Inspector<CTX> for TimeLimit {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        self.steps = self.steps.wrapping_add(1);
        self.opcode = interpreter.bytecode.opcode();
        self.stack_len = interpreter.stack.len();
        let is_due = self.steps.is_multiple_of(STEPS);
        if is_due && self.until.is_some_and(|until| Instant::now() >= until) {
            *context.error() = Err(ContextError::Custom(TIMED_OUT.into()));
            interpreter.halt_fatal();
        }
    }
}
