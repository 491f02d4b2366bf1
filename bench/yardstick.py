"""How fast one core is at this moment: what libsecp256k1 needs to recover one key.

A figure in microseconds says as much about the machine, and about its neighbours in the
same rack, as about what was measured. Every validator recovers the sender of every
order, with this library; a cost in recoveries of the same minute can be compared.
"""

import hashlib
import time

from coincurve import PrivateKey, PublicKey

RECOVERIES = 2_000


def recovery_us() -> float:
    """Median CPU microseconds of one recovery, on the calling thread."""
    key = PrivateKey.from_int(7)
    messages = [hashlib.sha256(bytes([at])).digest() for at in range(100)]
    signed = [(m, key.sign_recoverable(m, hasher=None)) for m in messages]
    spent = []
    for _ in range(RECOVERIES // len(signed)):
        began = time.thread_time_ns()
        for message, signature in signed:
            PublicKey.from_signature_and_message(signature, message, hasher=None)
        spent.append((time.thread_time_ns() - began) / 1_000 / len(signed))
    return sorted(spent)[len(spent) // 2]
