"""`chandlery start NODE_DIR`: run one node in the foreground until Ctrl-C."""

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery start`; settings not given come from node.toml."""
    parser.description = "run one node in the foreground"
    parser.add_argument("directory", type=Path, metavar="NODE_DIR")
    parser.add_argument("--rpc-port", type=int, metavar="PORT")
    parser.add_argument("--rpc-host", metavar="HOST")
    parser.add_argument("--p2p-port", type=int, metavar="PORT")
    parser.add_argument("--metrics-port", type=int, metavar="PORT")
    parser.add_argument("--executor", choices=("auto", "native", "pyevm"))
    parser.add_argument("--verify-with", choices=("native", "pyevm"))
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--log-format", choices=("auto", "json", "plain"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run until stopped; the exit code says how it ended."""
    from node.app.main import run_node
    from node.config import load_config

    overrides = {
        "rpc.port": arguments.rpc_port,
        "rpc.host": arguments.rpc_host,
        "p2p.port": arguments.p2p_port,
        "metrics.port": arguments.metrics_port,
        "executor.kind": arguments.executor,
        "executor.verify_with": arguments.verify_with,
        "log.level": arguments.log_level,
        "log.format": arguments.log_format,
    }
    return run_node(load_config(arguments.directory, overrides))
