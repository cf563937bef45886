"""RC4, which Office and PDF once encrypted with: for what opens without a password that people know."""

from __future__ import annotations


class RC4:
    """One key's stream: `update` encrypts or decrypts the next octets. `key` is not empty."""

    __slots__ = ("_state", "_i", "_j")

    def __init__(self, key: bytes) -> None:
        state = list(range(256))
        j = 0
        for i in range(256):
            j = (j + state[i] + key[i % len(key)]) & 255
            state[i], state[j] = state[j], state[i]
        self._state = state
        self._i = self._j = 0

    def update(self, data: bytes) -> bytes:
        """The next octets."""
        state, i, j = self._state, self._i, self._j
        out = bytearray()
        for octet in data:
            i = (i + 1) & 255
            one = state[i]
            j = (j + one) & 255
            other = state[i] = state[j]
            state[j] = one
            out.append(octet ^ state[(one + other) & 255])
        self._i, self._j = i, j
        return bytes(out)


def rc4(key: bytes, data: bytes) -> bytes:
    """All octets at once."""
    return RC4(key).update(data)
