"""The fourth argument, `msg`: Python's `email.message.Message` with what it had in Python 2."""

from __future__ import annotations

from email import message_from_bytes
from email._policybase import Compat32
from email.message import Message

from mailscan.elspy.oldtext import OldStr
from mailscan.transfer import decode_base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class OldMessage(Message):
    """A message whose fields and payloads are text that no octet can make raise."""

    def get_payload(self, i: int | None = None, decode: bool = False) -> Any:
        """As `email` has it; a payload that is decoded is text that stands for octets, as it was in Python 2."""
        encoding = str(self.get("content-transfer-encoding", "")).strip().lower()
        is_base64 = decode and not self.is_multipart() and encoding == "base64"
        payload = super().get_payload(i, decode and not is_base64)  # type: ignore[call-overload]
        if is_base64 and isinstance(payload, str):
            # What `email` makes of text behind the padding is not the same in all versions.
            payload = decode_base64(payload.encode("ascii", "surrogateescape"))
        if isinstance(payload, bytes):
            return OldStr.of(payload)
        return OldStr(payload) if isinstance(payload, str) else payload

    def get_type(self, default: str | None = None) -> str | None:
        """The declared type, or the default where there is none."""
        return self.get_content_type() if "content-type" in self else default

    def get_main_type(self, default: str | None = None) -> str | None:
        """The first half of the declared type."""
        return self.get_content_maintype() if "content-type" in self else default

    def get_subtype(self, default: str | None = None) -> str | None:
        """The second half of the declared type."""
        return self.get_content_subtype() if "content-type" in self else default


class _AsText(Compat32):
    """Fields with octets beyond ASCII are text too; `email` gives an object that is none."""

    def header_fetch_parse(self, name: str, value: str) -> OldStr:
        # `email` keeps such octets as surrogates of ASCII; as text of ours they are UTF-8 where they can be.
        return OldStr.of(value.encode("utf-8", "surrogateescape"))


def parse(octets: bytes) -> Message:
    """The message of these octets."""
    return message_from_bytes(octets, OldMessage, policy=_AsText())
