"""From a place in bytecode to a line of its source."""
