"""The parts of the reference executor: state, machine, calls and traces on py-evm."""
