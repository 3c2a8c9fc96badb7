"""Calls to providers' APIs through the server, which adds the credentials."""

import asyncio
import json
import re
from email.message import Message
from types import TracebackType
from typing import Any, AsyncIterator, BinaryIO, Dict, Iterable, Iterator, Mapping, Optional, Type
from typing import Union
from urllib.parse import urlencode

from .errors import ValetkeyError, error_of
from .retries import retry_after_s
from .secret import Secret
from .transport import Exchange, Transport
from .version import __version__

Body = Union[bytes, BinaryIO, Iterable[bytes]]

CHUNK_BYTES = 64 * 1024
# On every answer that is the provider's.
ATTEMPTS = "valetkey-attempts"
# How long the server may need to say that time is up.
GRACE_S = 2.0
# Dots alone would lead out of the proxy, with the API key.
DOTS = re.compile(r"(\.|%2e){1,2}", re.IGNORECASE)


class Answer:
    """A provider's answer, whatever its status. What is not read comes no further: read it all, or
    close it, which the end of a ``with`` block does."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.status = exchange.response.status
        """The HTTP status."""
        self.headers: Message = exchange.response.headers
        """The headers; their names ignore case."""

    def read(self, size: int = -1) -> bytes:
        """The rest of the body, or up to ``size`` bytes of it. Empty at the end.

        :raises ValetkeyConnectionError: the body broke off.
        """
        return self._exchange.read(size)

    def json(self) -> Any:
        """The rest of the body as JSON.

        :raises ValueError: it is not JSON.
        """
        return json.loads(self.read())

    def __iter__(self) -> Iterator[bytes]:
        while True:
            chunk = self.read(CHUNK_BYTES)
            if not chunk:
                return
            yield chunk

    def close(self) -> None:
        """Let go of the connection."""
        self._exchange.close()

    def __enter__(self) -> "Answer":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"


class AsyncAnswer:
    """:class:`Answer` for asyncio."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.status = answer.status
        """The HTTP status."""
        self.headers = answer.headers
        """The headers; their names ignore case."""

    async def read(self, size: int = -1) -> bytes:
        """See :meth:`Answer.read`."""
        return await asyncio.to_thread(self._answer.read, size)

    async def json(self) -> Any:
        """See :meth:`Answer.json`."""
        return await asyncio.to_thread(self._answer.json)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            chunk = await self.read(CHUNK_BYTES)
            if not chunk:
                return
            yield chunk

    async def close(self) -> None:
        """See :meth:`Answer.close`."""
        self._answer.close()

    async def __aenter__(self) -> "AsyncAnswer":
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Async{self._answer!r}"


def call(
    transport: Transport,
    api_key: Secret,
    method: str,
    path: str,
    *,
    provider_config_key: str,
    connection_id: str,
    query: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, str]] = None,
    json_body: Any = None,
    body: Optional[Body] = None,
    retries: int = 0,
    retry_on: Iterable[int] = (),
    base_url: Optional[str] = None,
    decompress: bool = False,
    timeout_s: Optional[float] = None,
) -> Answer:
    """Make a call and answer what the provider says."""
    sent: Dict[str, str] = {
        "User-Agent": f"valetkey-python/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Provider-Config-Key": provider_config_key,
        "Connection-Id": connection_id,
    }
    if json_body is not None:
        sent["Content-Type"] = "application/json"
        body = json.dumps(json_body, ensure_ascii=False, allow_nan=False).encode()
    if retries:
        sent["Retries"] = str(retries)
    statuses = ",".join(str(status) for status in retry_on)
    if statuses:
        sent["Retry-On"] = statuses
    if base_url is not None:
        sent["Base-Url-Override"] = base_url
    if decompress:
        sent["Decompress"] = "true"
    if timeout_s is not None:
        sent["Valetkey-Timeout-Ms"] = str(max(1, round(timeout_s * 1000)))
        timeout_s += GRACE_S
    for name, value in (headers or {}).items():
        sent[f"Nango-Proxy-{name}"] = value
    target = "/proxy" + target_of(path, query)
    answer = Answer(transport.open(method.upper(), target, body, sent, api_key, timeout_s))
    if answer.status < 400 or ATTEMPTS in answer.headers:
        return answer
    with answer:
        wait_s = retry_after_s(answer.headers.get("retry-after"))
        error: ValetkeyError = error_of(answer.status, answer.read(), wait_s)
    raise error


def target_of(path: str, query: Optional[Mapping[str, Any]]) -> str:
    """The path with its query.

    :raises ValueError: the path would lead out of the proxy.
    """
    before, _, after = path.partition("?")
    if not before.startswith("/"):
        before = f"/{before}"
    if any(DOTS.fullmatch(part) for part in re.split(r"[/\\]", before)) or "#" in path:
        raise ValueError("path must be below the provider's base URL, without segments of dots or #")
    given = {name: value for name, value in (query or {}).items() if value is not None}
    after = "&".join(part for part in (after, urlencode(given, doseq=True)) if part)
    return f"{before}?{after}" if after else before
