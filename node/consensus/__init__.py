"""QBFT as a pure state machine: `Engine.step(event)` returns effects and never acts."""
