"""The house rules that can be checked: sizes, import directions, purity.

Each rule is a fact about the tree that a reader may rely on; ARCHITECTURE.md says why.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("node", "shop_contract", "central_baseline", "bench")
MAX_FILE_LINES = 400
MAX_TEST_LINES = 600
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 6
MAX_FOLDER_FILES = 12

# A module may import rooms of a smaller number, and its own room.
NODE_ROOMS = {
    "primitives": 0,
    "chain": 1,
    "consensus": 2,
    "execution": 2,
    "txpool": 2,
    "gossip": 2,
    "sync": 2,
    "config": 2,
    "metrics": 2,
    "driver": 3,
    "storage": 4,
    "transport": 4,
    "rpc": 4,
    "app": 5,
    "networks": 6,
    "simulation": 6,
    "testing": 7,
    "cli": 8,
    "__main__": 9,
}
CONFIG_ROOMS = ("config", "metrics")
PURE = ("node/consensus", "node/txpool", "node/gossip", "node/sync")
PURE_FILES = ("node/transport/frames.py", "node/transport/handshake.py")
IMPURE = {"asyncio", "time", "random", "os", "socket", "logging", "threading"}
SIBLINGS_ALLOWED = {
    "node": set(),
    "shop_contract": set(),
    "central_baseline": {"shop_contract"},
    "bench": {"shop_contract"},
}


def sources(*folders: str) -> list[Path]:
    """Python files below the folders, the Rust distribution left out."""
    found: list[Path] = []
    for folder in folders:
        found += [
            path
            for path in sorted((ROOT / folder).rglob("*.py"))
            if "rust" not in path.parts and "__pycache__" not in path.parts
        ]
    return found


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(tree: ast.Module) -> Iterator[str]:
    for item in ast.walk(tree):
        if isinstance(item, ast.Import):
            yield from (alias.name for alias in item.names)
        elif isinstance(item, ast.ImportFrom) and item.module:
            yield item.module


@pytest.mark.parametrize("path", sources(*PACKAGES, "tests"), ids=name_of)
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    limit = MAX_TEST_LINES if "tests" in path.parts else MAX_FILE_LINES
    assert len(path.read_text().splitlines()) <= limit


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=name_of)
def test_a_function_fits_a_screen_and_takes_few_parameters(path: Path) -> None:
    for item in ast.walk(ast.parse(path.read_text())):
        if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (item.end_lineno or item.lineno) - item.lineno + 1
        assert lines <= MAX_FUNCTION_LINES, f"{item.name} has {lines} lines"
        arguments = [*item.args.posonlyargs, *item.args.args, *item.args.kwonlyargs]
        named = [a for a in arguments if a.arg not in {"self", "cls"}]
        assert len(named) <= MAX_PARAMETERS, f"{item.name} takes {len(named)}"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_folder_holds_at_most_twelve_modules(package: str) -> None:
    for folder in {path.parent for path in sources(package)}:
        modules = [p for p in folder.glob("*.py") if p.name != "__init__.py"]
        assert len(modules) <= MAX_FOLDER_FILES, name_of(folder)


@pytest.mark.parametrize("path", sources("node"), ids=name_of)
def test_imports_in_node_point_one_way(path: Path) -> None:
    room = path.relative_to(ROOT / "node").parts[0].removesuffix(".py")
    if room == "__init__":
        return
    for module in imports_of(ast.parse(path.read_text())):
        parts = module.split(".")
        if parts[0] != "node" or len(parts) < 2 or parts[1] == room:
            continue
        target = parts[1]
        assert NODE_ROOMS[target] < NODE_ROOMS[room], f"{room} imports {module}"
        if target in CONFIG_ROOMS:
            assert NODE_ROOMS[room] >= NODE_ROOMS["driver"], f"{room} reads {target}"


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_know_only_the_siblings_they_may(package: str) -> None:
    for path in sources(package):
        for module in imports_of(ast.parse(path.read_text())):
            sibling = module.split(".")[0]
            if sibling in PACKAGES and sibling != package:
                allowed = SIBLINGS_ALLOWED[package]
                assert sibling in allowed, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", sources("central_baseline"), ids=name_of)
def test_central_baseline_takes_only_the_rules_of_the_shop(path: Path) -> None:
    for module in imports_of(ast.parse(path.read_text())):
        if module.startswith("shop_contract"):
            assert module.startswith("shop_contract.rules"), module


def pure_sources() -> list[Path]:
    return sources(*PURE) + [ROOT / f for f in PURE_FILES if (ROOT / f).exists()]


@pytest.mark.parametrize("path", pure_sources(), ids=name_of)
def test_pure_modules_neither_act_nor_depend_on_chance(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for module in imports_of(tree):
        assert module.split(".")[0] not in IMPURE, f"{name_of(path)}: {module}"
    for item in ast.walk(tree):
        if isinstance(item, ast.For | ast.comprehension):
            source = item.iter
            is_set = isinstance(source, ast.Set | ast.SetComp) or (
                isinstance(source, ast.Call)
                and isinstance(source.func, ast.Name)
                and source.func.id in {"set", "frozenset"}
            )
            assert not is_set, f"{name_of(path)} iterates a set"


def test_simulation_never_touches_a_socket_library() -> None:
    for path in sources("node/simulation"):
        for module in imports_of(ast.parse(path.read_text())):
            assert module.split(".")[0] not in {"aiohttp", "socket", "ssl"}
