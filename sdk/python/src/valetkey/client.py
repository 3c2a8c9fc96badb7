"""The clients."""

import asyncio
import json
import ssl
import time
from types import TracebackType
from typing import Any, Iterable, Mapping, Optional, Type, TypeVar

from .api.async_resources import AsyncApi
from .api.resources import Api
from .errors import ValetkeyConnectionError, ValetkeyError, error_of
from .proxied import Answer, AsyncAnswer, Body, call
from .request import encoded, with_query
from .retries import AGAIN, Retries, retry_after_s
from .secret import Secret
from .transport import Reply, Transport
from .version import __version__

TIMEOUT_S = 60.0
RETRIES_MAX = 2
RETRY_AFTER_S_MAX = 30.0

Client = TypeVar("Client", bound="Valetkey")
AsyncClient = TypeVar("AsyncClient", bound="AsyncValetkey")


class Caller:
    """Makes calls with an API key."""

    def __init__(self, api_key: str, transport: Transport, retries: Retries) -> None:
        if not api_key or not all("!" <= character <= "~" for character in api_key):
            raise ValueError("api_key must be visible ASCII characters")
        self._api_key = Secret(api_key)
        self._transport = transport
        self._retries = retries

    def call(
        self,
        method: str,
        target: str,
        *,
        query: Optional[Mapping[str, Any]] = None,
        body: Optional[Mapping[str, Any]] = None,
        envelope: str = "",
    ) -> Any:
        """Send, repeat if that may help, and answer the JSON of the reply."""
        target, content = with_query(target, query), encoded(body)
        attempt = 0
        while True:
            reply: Optional[Reply] = None
            try:
                reply = self._send(method, target, content)
                error: ValetkeyError
                if 200 <= reply.status < 300:
                    return answer_of(reply, envelope)
                asked_s = retry_after_s(reply.retry_after)
                error = error_of(reply.status, reply.body, asked_s)
            except ValetkeyConnectionError as failure:
                error, asked_s = failure, None
            may_help = reply is None or reply.status in AGAIN
            repeats = method == "GET" and may_help
            wait_s = self._retries.wait_s(attempt, asked_s) if repeats else None
            if wait_s is None:
                raise error
            time.sleep(wait_s)
            attempt += 1

    def _send(self, method: str, target: str, content: Optional[bytes]) -> Reply:
        headers = {
            "Accept": "application/json",
            "User-Agent": f"valetkey-python/{__version__}",
        }
        if content is not None:
            headers["Content-Type"] = "application/json"
        return self._transport.send(method, target, content, headers, self._api_key)


def answer_of(reply: Reply, envelope: str) -> Any:
    """The JSON of a reply, taken out of its envelope; None when there is no body."""
    if not reply.body:
        return None
    try:
        document = json.loads(reply.body)
        return document[envelope] if envelope else document
    except (ValueError, KeyError, TypeError):
        text = "The answer is not of this API; is the host right?"
        raise ValetkeyError(reply.status, "unknown", text) from None


class Valetkey(Api):
    """A Valetkey server, called with an API key. Threads may share one; it keeps connections open.

    :param host: Where the server is, such as ``https://connect.example.com``.
    :param api_key: A key of an environment, or of the account.
    :param timeout_s: Longest time for one attempt, in seconds. A read that refreshes a token waits
        for the provider, which the server allows 30 s.
    :param retries_max: How often a GET is repeated that met a broken connection, a timeout, or
        status 429, 502, 503 or 504. Other requests are sent once.
    :param retry_after_s_max: Longest wait, in seconds, that the server may ask for before a
        repetition. When it asks for more, the error is raised at once.
    :param ssl_context: For servers with a certificate that the system does not know.
    :raises ValueError: the host or the key cannot be used.
    """

    def __init__(
        self,
        host: str,
        api_key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        retries_max: int = RETRIES_MAX,
        retry_after_s_max: float = RETRY_AFTER_S_MAX,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        self._host = host
        self._transport = Transport(host, timeout_s, ssl_context)
        self._api_key = Secret(api_key)
        caller = Caller(api_key, self._transport, Retries(retries_max, retry_after_s_max))
        super().__init__(caller.call)

    def call(
        self,
        method: str,
        path: str,
        *,
        provider_config_key: str,
        connection_id: str,
        query: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, str]] = None,
        json: Any = None,
        body: Optional[Body] = None,
        retries: int = 0,
        retry_on: Iterable[int] = (),
        base_url: Optional[str] = None,
        decompress: bool = False,
        timeout_s: Optional[float] = None,
    ) -> Answer:
        """Call the API of a connection's provider; the server adds the credentials.

        The answer is the provider's, whatever its status. Use it in a ``with`` block.

        :param query: Added to the path's own query; a list repeats its name.
        :param headers: Headers for the provider.
        :param json: Sent as JSON.
        :param body: Sent as it is: bytes, a file, or pieces.
        :param retries: Attempts of the server after its first, at most 20.
        :param retry_on: Statuses that are worth another attempt.
        :param base_url: Instead of the provider's; one of its own hosts unless the integration allows
            more.
        :param decompress: Have the server unpack a compressed answer.
        :param timeout_s: Longest time for the whole call, in seconds.
        :raises ValetkeyError: there is no answer of the provider.
        :raises ValueError: the path is not one below the provider's base URL.
        """
        return call(
            self._transport,
            self._api_key,
            method,
            path,
            provider_config_key=provider_config_key,
            connection_id=connection_id,
            query=query,
            headers=headers,
            json_body=json,
            body=body,
            retries=retries,
            retry_on=retry_on,
            base_url=base_url,
            decompress=decompress,
            timeout_s=timeout_s,
        )

    def close(self) -> None:
        """Close kept connections. The client can still be used and opens new ones."""
        self._transport.close()

    def __enter__(self: Client) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Valetkey(host={self._host!r})"


class AsyncValetkey(AsyncApi):
    """:class:`Valetkey` for asyncio, with the same arguments and methods.

    Calls run in the event loop's default thread pool, which bounds how many run at once. A call
    that is cancelled ends for its caller; its request goes on until it is answered or times out.
    """

    def __init__(
        self,
        host: str,
        api_key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        retries_max: int = RETRIES_MAX,
        retry_after_s_max: float = RETRY_AFTER_S_MAX,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        self._host = host
        self._transport = Transport(host, timeout_s, ssl_context)
        self._api_key = Secret(api_key)
        caller = Caller(api_key, self._transport, Retries(retries_max, retry_after_s_max))

        async def send(
            method: str,
            target: str,
            *,
            query: Optional[Mapping[str, Any]] = None,
            body: Optional[Mapping[str, Any]] = None,
            envelope: str = "",
        ) -> Any:
            return await asyncio.to_thread(
                caller.call, method, target, query=query, body=body, envelope=envelope
            )

        super().__init__(send)

    async def call(
        self,
        method: str,
        path: str,
        *,
        provider_config_key: str,
        connection_id: str,
        query: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, str]] = None,
        json: Any = None,
        body: Optional[Body] = None,
        retries: int = 0,
        retry_on: Iterable[int] = (),
        base_url: Optional[str] = None,
        decompress: bool = False,
        timeout_s: Optional[float] = None,
    ) -> AsyncAnswer:
        """See :meth:`Valetkey.call`. Use the answer in an ``async with`` block."""

        answer = await asyncio.to_thread(
            call,
            self._transport,
            self._api_key,
            method,
            path,
            provider_config_key=provider_config_key,
            connection_id=connection_id,
            query=query,
            headers=headers,
            json_body=json,
            body=body,
            retries=retries,
            retry_on=retry_on,
            base_url=base_url,
            decompress=decompress,
            timeout_s=timeout_s,
        )
        return AsyncAnswer(answer)

    async def close(self) -> None:
        """Close kept connections. The client can still be used and opens new ones."""
        self._transport.close()

    async def __aenter__(self: AsyncClient) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncValetkey(host={self._host!r})"
