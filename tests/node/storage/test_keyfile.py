"""Key files: those of other tools open, wrong ones are refused, nobody else reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from node.primitives.secp256k1 import PrivateKey
from node.storage.keyfile import KeystoreError, decrypt, encrypt
from node.storage.keystore import (
    KeyFileError,
    create_node_key,
    load_node_key,
    node_address,
)

VECTORS = Path(__file__).parents[4] / "shared/vectors/keystore/basic_tests.json"
LOW_COST = 2


def vectors() -> list[Any]:
    cases = json.loads(VECTORS.read_text()) if VECTORS.exists() else {}
    return [pytest.param(case, id=name) for name, case in cases.items()]


@pytest.mark.parametrize("case", vectors())
def test_keystores_of_other_tools_open(case: dict[str, str]) -> None:
    keystore: Any = case["json"]
    assert decrypt(keystore, case["password"]).hex() == case["priv"]
    with pytest.raises(KeystoreError, match="password is wrong"):
        decrypt(keystore, case["password"] + "x")


def test_what_is_encrypted_is_decrypted() -> None:
    key = PrivateKey.generate()
    keystore = encrypt(key.secret, key.address, "pass", LOW_COST)
    assert decrypt(json.loads(json.dumps(keystore)), "pass") == key.secret
    assert key.secret.hex() not in json.dumps(keystore)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("version",), 4, "version 4"),
        (("crypto", "cipher"), "rot13", "unknown cipher"),
        (("crypto", "kdf"), "md5", "unknown key derivation"),
        (("crypto", "kdfparams", "n"), 1 << 30, "more than 1 GiB"),
        (("crypto", "kdfparams", "dklen"), 16, "too short"),
        (("crypto",), {}, "a v3 keystore has"),
    ],
)
def test_a_wrong_keystore_is_refused_with_its_fault(
    path: tuple[str, ...], value: Any, message: str
) -> None:
    key = PrivateKey.generate()
    keystore = encrypt(key.secret, key.address, "pass", LOW_COST)
    inner = keystore
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(KeystoreError, match=message):
        decrypt(keystore, "pass")


def test_a_node_key_is_private_and_loads(tmp_path: Path) -> None:
    key = create_node_key(tmp_path, LOW_COST)
    assert (tmp_path / "key.json").stat().st_mode & 0o077 == 0
    assert load_node_key(tmp_path).address == key.address == node_address(tmp_path)
    with pytest.raises(FileExistsError):
        create_node_key(tmp_path, LOW_COST)


@pytest.mark.parametrize("name", ["key.json", "password"])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, name: str) -> None:
    create_node_key(tmp_path, LOW_COST)
    (tmp_path / name).chmod(0o640)
    with pytest.raises(KeyFileError, match=r"read by others .*chmod 600"):
        load_node_key(tmp_path)


def test_the_password_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_node_key(tmp_path, LOW_COST)
    (tmp_path / "password").unlink()
    with pytest.raises(KeyFileError, match="CHANDLERY_PASSWORD"):
        load_node_key(tmp_path)
    monkeypatch.setenv("CHANDLERY_PASSWORD", "wrong")
    with pytest.raises(KeyFileError, match="password is wrong"):
        load_node_key(tmp_path)


def test_a_missing_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="chandlery init"):
        load_node_key(tmp_path)


def test_a_secret_is_not_shown() -> None:
    key = PrivateKey.generate()
    assert key.secret.hex() not in repr(key)
