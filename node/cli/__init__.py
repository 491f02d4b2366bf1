"""The command line: one module a command, each registered as an entry point."""
