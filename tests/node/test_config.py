"""Settings: flag > environment > node.toml > default, and nothing misspelt passes."""

from pathlib import Path

import pytest

from node.config import ConfigError, load_config


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "node.toml").write_text(
        '[rpc]\nport = 1\n[p2p]\npeers = ["0xaa@h:1"]\n[log]\nlevel = "debug"\n'
    )
    return tmp_path


def test_a_missing_setting_has_its_default(directory: Path) -> None:
    assert load_config(directory, environment={}).rpc.max_batch == 50


def test_the_file_overrides_the_default(directory: Path) -> None:
    config = load_config(directory, environment={})
    assert (config.rpc.port, config.p2p.peers) == (1, ("0xaa@h:1",))


def test_the_environment_overrides_the_file(directory: Path) -> None:
    environment = {"CHANDLERY_RPC_PORT": "2", "CHANDLERY_P2P_TLS": "false"}
    config = load_config(directory, environment=environment)
    assert (config.rpc.port, config.p2p.tls) == (2, False)


def test_a_flag_overrides_the_environment(directory: Path) -> None:
    environment = {"CHANDLERY_RPC_PORT": "2"}
    assert load_config(directory, {"rpc.port": 3}, environment).rpc.port == 3


def test_a_flag_that_was_not_given_overrides_nothing(directory: Path) -> None:
    assert load_config(directory, {"rpc.port": None}, {}).rpc.port == 1


def test_lists_in_the_environment_are_separated_by_commas(directory: Path) -> None:
    environment = {"CHANDLERY_RPC_ALLOWED_HOSTS": "a, b"}
    assert load_config(directory, environment=environment).rpc.allowed_hosts == (
        "a",
        "b",
    )


def test_other_variables_of_ours_are_left_alone(directory: Path) -> None:
    load_config(directory, environment={"CHANDLERY_DEBUG": "1"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rpc]\nprot = 1\n", "did you mean 'port'"),
        ("[rcp]\nport = 1\n", "did you mean 'rpc'"),
        ('[rpc]\nport = "x"\n', "expected int"),
        ("[rpc]\nport = 70000\n", "between 0 and 65535"),
        ("[rpc]\nmax_batch = -1\n", "must not be negative"),
        ("[storage]\nstate_window = 0\n", "must be 1 or more, got 0"),
        ("[executor]\nmemory_mib = 8\n", "must be 64 or more, got 8"),
        ('[executor]\nkind = "quick"\n', "expected one of"),
        ("[rpc\n", "not valid TOML"),
        ("rpc = 1\n", "unknown section"),
    ],
)
def test_a_wrong_file_is_refused_with_its_fault_named(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "node.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path, environment={})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHANDLERY_RPC_PORT", "x"),
        ("CHANDLERY_RPC_PROT", "1"),
        ("CHANDLERY_P2P_TLS", "?"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(
    directory: Path, name: str, value: str
) -> None:
    with pytest.raises(ConfigError, match=name):
        load_config(directory, environment={name: value})


def test_a_directory_without_settings_is_no_node(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="chandlery init"):
        load_config(tmp_path, environment={})
