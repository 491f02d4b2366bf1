"""The node's certificate on disk."""

from pathlib import Path

import pytest

from node.transport.certificates import (
    CertificateError,
    create_certificate,
    fingerprint_of,
    server_context,
)


def test_two_certificates_differ_and_each_keeps_its_fingerprint(
    tmp_path: Path,
) -> None:
    for name in ("a", "b"):
        create_certificate(tmp_path / name)
        server_context(tmp_path / name)
    first = fingerprint_of(tmp_path / "a")
    assert len(first) == 32
    assert fingerprint_of(tmp_path / "a") == first
    assert fingerprint_of(tmp_path / "b") != first


def test_a_key_is_private_and_never_replaced(tmp_path: Path) -> None:
    create_certificate(tmp_path)
    key = tmp_path / "key.pem"
    assert key.stat().st_mode & 0o077 == 0
    before = key.read_bytes()
    with pytest.raises(FileExistsError):
        create_certificate(tmp_path)
    assert key.read_bytes() == before


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    create_certificate(tmp_path)
    (tmp_path / "key.pem").chmod(0o640)
    with pytest.raises(CertificateError, match="chmod 600") as error:
        server_context(tmp_path)
    assert error.value.exit_code == 3


def test_a_missing_or_damaged_certificate_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="chandlery init"):
        server_context(tmp_path)
    with pytest.raises(CertificateError, match="chandlery init"):
        fingerprint_of(tmp_path)
    create_certificate(tmp_path)
    (tmp_path / "cert.pem").write_text("damaged")
    with pytest.raises(CertificateError, match="chandlery init"):
        server_context(tmp_path)
    with pytest.raises(CertificateError, match="chandlery init"):
        fingerprint_of(tmp_path)
