"""The self-signed certificate of a node's listening side, and TLS 1.3 around it.

A certificate authority would be one point of failure: the handshake binds the
certificate's fingerprint to the node key instead, so whoever signed the certificate is
of no interest, nor is the name in it.
"""

import hashlib
import os
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CERTIFICATE_FILE = "cert.pem"
KEY_FILE = "key.pem"
LIFETIME = timedelta(days=36_500)


class CertificateError(Exception):
    """The certificate cannot be used; says why and what to do."""

    exit_code = 3


def create_certificate(directory: Path) -> None:
    """Make cert.pem and key.pem (readable by the owner alone) in a new directory.

    Raises FileExistsError when there is a key already.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chandlery node")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(directory / KEY_FILE, flags, 0o600), "wb") as file:
        file.write(secret)
    path = directory / CERTIFICATE_FILE
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def fingerprint_of(directory: Path) -> bytes:
    """SHA-256 of the certificate (DER), 32 bytes. Raises CertificateError."""
    try:
        pem = (directory / CERTIFICATE_FILE).read_text("ascii")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()
    except (OSError, ValueError) as error:
        raise CertificateError(_advice(directory, error)) from error


def server_context(directory: Path) -> ssl.SSLContext:
    """TLS 1.3 with the certificate of the directory. Raises CertificateError."""
    key_file = directory / KEY_FILE
    try:
        mode = key_file.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise CertificateError(
                f"{key_file} can be read by others: run `chmod 600 {key_file}`"
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(directory / CERTIFICATE_FILE, key_file)
    except (OSError, ValueError) as error:
        raise CertificateError(_advice(directory, error)) from error
    return context


def client_context() -> ssl.SSLContext:
    """TLS 1.3 to whoever: the handshake of node keys decides who it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _advice(directory: Path, error: Exception) -> str:
    return (
        f"the TLS certificate in {directory} cannot be read ({error}): "
        "restore it, or remove the directory's files and run `chandlery init` again"
    )
