"""What goes wrong in a call."""

import json
from typing import Any, List, Mapping, Optional, TypedDict


class Issue(TypedDict):
    """One thing that is wrong with what was sent."""

    code: str
    message: str
    path: List[str]
    """Names and indexes that lead to it, from the outside in."""


class ValetkeyError(Exception):
    """The server refused a call, or its answer could not be used.

    No attribute holds the API key.
    """

    def __init__(
        self,
        status: Optional[int],
        code: str,
        message: str,
        issues: Optional[List[Issue]] = None,
        payload: Any = None,
        retry_after_s: Optional[float] = None,
    ) -> None:
        # All of them, in order: an exception that travels between processes is made anew from them.
        super().__init__(status, code, message, issues, payload, retry_after_s)
        self.status = status
        """The HTTP status; None when there was no answer."""
        self.code = code
        """Stable: branch on this."""
        self.message = message
        """For people; may change."""
        self.issues: List[Issue] = issues or []
        """What is wrong with what was sent; empty for other errors."""
        self.payload = payload
        """What belongs to the code; None for most."""
        self.retry_after_s = retry_after_s
        """How long the server asks to wait before the next attempt, in seconds."""

    @property
    def needs_reconnect(self) -> bool:
        """Whether nobody but the connection's owner can help, by authorizing again.

        False while the cause may pass, such as a provider that is down.
        """
        if not isinstance(self.payload, Mapping):
            return False
        return self.payload.get("needs_reconnect") is True

    def __str__(self) -> str:
        status = "no answer" if self.status is None else str(self.status)
        return f"{status}, {self.code}" + (f": {self.message}" if self.message else "")

    def __repr__(self) -> str:
        # The payload stays out: it describes a customer's connection.
        return f"{type(self).__name__}(status={self.status}, code={self.code!r})"


class ValetkeyConnectionError(ValetkeyError):
    """There was no usable answer: ``unreachable``, ``timeout`` or ``answer_too_large``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(None, code, message)
        self.args = (code, message)


def error_of(status: int, body: bytes, retry_after_s: Optional[float]) -> ValetkeyError:
    """The error in an answer. What is not of the documented form becomes code ``unknown``."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        message = "The answer is not of this API; is the host right?"
        return ValetkeyError(status, "unknown", message, retry_after_s=retry_after_s)
    issues = error.get("errors")
    return ValetkeyError(
        status,
        str(error.get("code", "unknown")),
        str(error.get("message", "")),
        issues if isinstance(issues, list) else None,
        error.get("payload"),
        retry_after_s,
    )
