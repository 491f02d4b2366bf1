"""The yardstick times recoveries of a key, and gives a positive number."""

from coincurve import PrivateKey, PublicKey

from bench import yardstick


def test_it_is_positive() -> None:
    assert yardstick.recovery_us() > 0


def test_what_it_times_is_a_recovery() -> None:
    key = PrivateKey.from_int(7)
    signature = key.sign_recoverable(bytes(32), hasher=None)
    found = PublicKey.from_signature_and_message(signature, bytes(32), hasher=None)
    assert found == key.public_key
