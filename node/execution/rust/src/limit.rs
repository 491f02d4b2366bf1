//! A clock for calls that may use much gas.

use std::time::{Duration, Instant};

use revm::Inspector;
use revm::context_interface::ContextTr;
use revm::context_interface::context::ContextError;
use revm::interpreter::Interpreter;

/// What a call says that ran out of time.
pub const TIMED_OUT: &str = "execution timeout: the call ran longer than 5 s";
const CALL_TIME: Duration = Duration::from_secs(5);
/// Instructions between two looks at the clock.
const STEPS: u32 = 4096;

/// Stops a run once it has taken its time.
pub struct TimeLimit {
    until: Instant,
    steps: u32,
}

impl TimeLimit {
    pub fn start() -> Self {
        Self {
            until: Instant::now() + CALL_TIME,
            steps: 0,
        }
    }
}

impl<CTX: ContextTr> Inspector<CTX> for TimeLimit {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS) && Instant::now() >= self.until {
            *context.error() = Err(ContextError::Custom(TIMED_OUT.into()));
            interpreter.halt_fatal();
        }
    }
}
