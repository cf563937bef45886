"""RC4, which Office and PDF once encrypted with: to find out whether a document opens without a password."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def rc4(key: bytes, data: bytes, step: Callable[[bytearray], None] | None = None) -> bytes:
    """The octets encrypted or decrypted; `key` is not empty. `step` is asked now and then whether to go on."""
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) & 255
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for octet in data:
        i = (i + 1) & 255
        one = state[i]
        j = (j + one) & 255
        other = state[i] = state[j]
        state[j] = one
        out.append(octet ^ state[(one + other) & 255])
        if step is not None and not len(out) & 0xFFFF:
            step(out)
    return bytes(out)
