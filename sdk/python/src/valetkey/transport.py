"""HTTP/1.1 over kept connections, with nothing but the standard library."""

import http.client
import os
import selectors
import socket
import ssl
import threading
import time
from typing import Any, List, Mapping, NamedTuple, Optional
from urllib.parse import urlsplit

from .errors import ValetkeyConnectionError
from .secret import Secret

# Connections kept for later requests; one more than these is closed after its answer.
IDLE_MAX = 16
# Servers and proxies close connections that are idle; what is older is not used again.
IDLE_S_MAX = 30.0
ANSWER_BYTES_MAX = 64 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


class Reply(NamedTuple):
    """An answer of the server, whatever its status."""

    status: int
    retry_after: Optional[str]
    body: bytes


class Idle(NamedTuple):
    """A connection that waits for its next request."""

    connection: http.client.HTTPConnection
    since: float


class Transport:
    """Sends requests to one host, from any number of threads. Does not follow redirects, so that
    nothing leads the key elsewhere, and does not use proxies.

    :raises ValueError: the host is not an http or https URL, or has more than a path.
    """

    def __init__(self, host: str, timeout_s: float, ssl_context: Optional[ssl.SSLContext]) -> None:
        url = urlsplit(host)
        extra = url.query or url.fragment or url.username or url.password
        if url.scheme not in ("http", "https") or not url.hostname or extra:
            raise ValueError("host must be a URL such as https://connect.example.com")
        if timeout_s <= 0:
            raise ValueError("timeout_s must be above 0")
        self._name = url.hostname
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._base = url.path.rstrip("/")
        self._timeout_s = timeout_s
        self._tls: Optional[ssl.SSLContext] = None
        if url.scheme == "https":
            self._tls = ssl_context or ssl.create_default_context()
        self._lock = threading.Lock()
        self._idle: List[Idle] = []
        self._process = os.getpid()

    def send(
        self,
        method: str,
        target: str,
        body: Optional[bytes],
        headers: Mapping[str, str],
        api_key: Secret,
    ) -> Reply:
        """Send one request and read its answer.

        :raises ValetkeyConnectionError: no answer came, or not within the timeout.
        """
        connection = self._take() or self._new()
        try:
            return self._exchange(connection, method, target, body, headers, api_key)
        except BaseException as error:
            connection.close()
            failure = self.failure(error)
            if failure is None:
                raise
        # Raised out here, where it does not refer to the error above: the variables of that one's
        # frames hold the key, and some tools report variables.
        raise failure

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        body: Optional[bytes],
        headers: Mapping[str, str],
        api_key: Secret,
    ) -> Reply:
        deadline = time.monotonic() + self._timeout_s
        authorization = {"Authorization": f"Bearer {api_key.expose()}"}
        connection.request(method, self._base + target, body, {**headers, **authorization})
        # It lets go of the socket when the answer ends the connection.
        sock = connection.sock
        response = connection.getresponse()
        length = response.length
        content = bytearray()
        while length is None or len(content) < length:
            chunk = response.read1(CHUNK_BYTES)
            if not chunk:
                break
            content += chunk
            if len(content) > ANSWER_BYTES_MAX:
                text = f"The answer is larger than {ANSWER_BYTES_MAX} bytes."
                raise ValetkeyConnectionError("answer_too_large", text)
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            if sock.fileno() != -1:
                sock.settimeout(left_s)
        if length is not None and len(content) < length:
            raise http.client.IncompleteRead(b"", length - len(content))
        response.close()
        if response.will_close:
            connection.close()
        else:
            self.keep(connection)
        return Reply(response.status, response.headers.get("retry-after"), bytes(content))

    def open(
        self,
        method: str,
        target: str,
        body: Any,
        headers: Mapping[str, str],
        api_key: Secret,
        timeout_s: Optional[float],
    ) -> "Exchange":
        """Send one request, its body in pieces if it comes so, and hand on the answer to be read.

        :param timeout_s: Longest wait for anything to happen, instead of the client's.
        :raises ValetkeyConnectionError: no answer came, or not within the timeout.
        """
        connection = self._take() or self._new()
        authorization = {"Authorization": f"Bearer {api_key.expose()}"}
        try:
            if connection.sock is None:
                connection.connect()
            connection.sock.settimeout(timeout_s or self._timeout_s)
            is_sent = True
            try:
                connection.request(method, self._base + target, body, {**headers, **authorization})
            except BrokenPipeError:
                # Who answers before everything was sent need not read the rest.
                is_sent = False
            return Exchange(self, connection, connection.getresponse(), is_sent)
        except BaseException as error:
            connection.close()
            failure = self.failure(error)
            if failure is None:
                raise
        raise failure

    def failure(self, error: BaseException) -> Optional[ValetkeyConnectionError]:
        """What to raise for an error of a connection; None for others."""
        if isinstance(error, ValetkeyConnectionError):
            return ValetkeyConnectionError(error.code, error.message)
        # Two names of one thing since Python 3.10.
        if isinstance(error, (TimeoutError, socket.timeout)):
            return ValetkeyConnectionError("timeout", f"No answer within {self._timeout_s:g} s.")
        if isinstance(error, (OSError, http.client.HTTPException)):
            text = f"The server cannot be reached: {type(error).__name__}: {error}"
            return ValetkeyConnectionError("unreachable", text)
        return None

    def close(self) -> None:
        """Close the kept connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for one in idle:
            one.connection.close()

    def _new(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._name, self._port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(
            self._name, self._port, timeout=self._timeout_s, context=self._tls
        )

    def _take(self) -> Optional[http.client.HTTPConnection]:
        """A kept connection that still works."""
        while True:
            with self._lock:
                if self._process != os.getpid():
                    # Made by the process this one was forked from, which goes on using them.
                    self._process, self._idle = os.getpid(), []
                if not self._idle:
                    return None
                idle = self._idle.pop()
            is_fresh = time.monotonic() - idle.since <= IDLE_S_MAX
            if is_fresh and not is_readable(idle.connection):
                idle.connection.sock.settimeout(self._timeout_s)
                return idle.connection
            idle.connection.close()

    def keep(self, connection: http.client.HTTPConnection) -> None:
        """Have a connection wait for its next request."""
        with self._lock:
            if len(self._idle) < IDLE_MAX:
                self._idle.append(Idle(connection, time.monotonic()))
                return
        connection.close()


class Exchange:
    """An answer that is being read."""

    def __init__(
        self,
        transport: Transport,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        is_sent: bool,
    ) -> None:
        self._transport = transport
        self._is_sent = is_sent
        self._connection: Optional[http.client.HTTPConnection] = connection
        self.response = response

    def read(self, size: int) -> bytes:
        """The rest of the body, or up to so many bytes.

        :raises ValetkeyConnectionError: it broke off.
        """
        try:
            chunk = self.response.read() if size < 0 else self.response.read(size)
            # With a size, the standard library takes the end of the connection for that of the body.
            if size > 0 and not chunk and self.response.length:
                raise http.client.IncompleteRead(b"", self.response.length)
            return chunk
        except BaseException as error:
            self._end(keep=False)
            failure = self._transport.failure(error)
            if failure is None:
                raise
        raise failure

    def close(self) -> None:
        """Keep the connection for another request when nothing is left to be read."""
        is_over = self.response.isclosed() and self._is_sent
        self._end(keep=is_over and not self.response.will_close)

    def _end(self, keep: bool) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if keep:
            self._transport.keep(connection)
        else:
            connection.close()
            self.response.close()


def is_readable(connection: http.client.HTTPConnection) -> bool:
    """Whether something arrived that nobody asked for: as a rule, the end of the connection."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection.sock, selectors.EVENT_READ)
        return bool(selector.select(0))
