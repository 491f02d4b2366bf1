"""Commands on directories of this machine: make, run, break and mend nodes."""
