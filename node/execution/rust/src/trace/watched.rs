//! A tracer that ends: a clock and a number of steps bound what it gathers.
//!
//! Code that is empty has no steps, as in geth; revm runs the empty code of a creation.

use std::time::Instant;

use alloy_primitives::{Address, Log, U256};
use revm::Inspector;
use revm::context_interface::ContextTr;
use revm::context_interface::context::ContextError;
use revm::handler::FrameResult;
use revm::inspector::JournalExt;
use revm::interpreter::interpreter_types::LegacyBytecode;
use revm::interpreter::{
    CallInputs, CallOutcome, CreateInputs, CreateOutcome, FrameInput, Interpreter,
};
use revm_inspectors::tracing::DebugInspector;

use crate::limit::TimeLimit;

/// Steps of one trace, as in the reference.
const MAX_STEPS: usize = 500_000;
/// What a trace says that would have more.
pub const TOO_LONG: &str = "more than 500000 steps: set the option limit";

/// See the module's comment.
pub struct Watched {
    pub inner: DebugInspector,
    clock: TimeLimit,
    /// Whether more steps end the run; else the tracer leaves them out, or keeps none.
    is_bounded: bool,
    steps: usize,
}

impl Watched {
    /// `limit` is geth's option, 0 for none.
    pub fn new(
        inner: DebugInspector,
        until: Instant,
        keeps_steps: bool,
        limit: u64,
    ) -> Self {
        let is_bounded = keeps_steps && !(1..=MAX_STEPS as u64).contains(&limit);
        Self { inner, clock: TimeLimit::until(until), is_bounded, steps: 0 }
    }

    /// Ready for the next transaction, its clock running on.
    pub fn renew(&mut self) {
        self.steps = 0;
    }
}

fn is_empty(interpreter: &Interpreter) -> bool {
    interpreter.bytecode.bytecode_len() == 0
}

impl<CTX: ContextTr<Journal: JournalExt>> Inspector<CTX> for Watched {
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        self.inner.initialize_interp(interpreter, context);
    }

    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        self.clock.step(interpreter, context);
        if is_empty(interpreter) {
            return;
        }
        self.steps += 1;
        if self.is_bounded && self.steps > MAX_STEPS {
            *context.error() = Err(ContextError::Custom(TOO_LONG.into()));
            interpreter.halt_fatal();
        } else {
            self.inner.step(interpreter, context);
        }
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        if !is_empty(interpreter) {
            self.inner.step_end(interpreter, context);
        }
    }

    fn log(&mut self, context: &mut CTX, log: Log) {
        self.inner.log(context, log);
    }

    fn log_full(&mut self, interpreter: &mut Interpreter, context: &mut CTX, log: Log) {
        self.inner.log_full(interpreter, context, log);
    }

    fn frame_start(
        &mut self,
        context: &mut CTX,
        input: &mut FrameInput,
    ) -> Option<FrameResult> {
        self.inner.frame_start(context, input)
    }

    fn frame_end(
        &mut self,
        context: &mut CTX,
        input: &FrameInput,
        result: &mut FrameResult,
    ) {
        self.inner.frame_end(context, input, result);
    }

    fn call(
        &mut self,
        context: &mut CTX,
        inputs: &mut CallInputs,
    ) -> Option<CallOutcome> {
        self.inner.call(context, inputs)
    }

    fn call_end(
        &mut self,
        context: &mut CTX,
        inputs: &CallInputs,
        outcome: &mut CallOutcome,
    ) {
        self.inner.call_end(context, inputs, outcome);
    }

    fn create(
        &mut self,
        context: &mut CTX,
        inputs: &mut CreateInputs,
    ) -> Option<CreateOutcome> {
        self.inner.create(context, inputs)
    }

    fn create_end(
        &mut self,
        context: &mut CTX,
        inputs: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        self.inner.create_end(context, inputs, outcome);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        Inspector::<CTX>::selfdestruct(&mut self.inner, contract, target, value);
    }
}
