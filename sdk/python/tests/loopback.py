"""A small HTTP server on loopback that answers as a test says."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from types import TracebackType
from typing import NamedTuple, Optional


class Answer(NamedTuple):
    """What to send for one request."""

    status: int = 200
    body: bytes = b'{"result":"ok"}'
    headers: tuple[str, ...] = ()
    closes: bool = False
    """Close the connection afterwards, without having said so."""
    length: Optional[int] = None
    """A length other than the body's."""
    pause_s: float = 0
    """How long to wait after each byte of the body, in seconds."""


CUT = Answer(status=0, closes=True)
"""The connection ends without an answer."""


class Request(NamedTuple):
    """What arrived."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int
    """Counts the connections, so that tests see which requests shared one."""


class Loopback:
    """Answers one request after the other with the answers given, the last one again and again."""

    def __init__(self, *answers: Answer, tls: Optional[ssl.SSLContext] = None) -> None:
        self.requests: list[Request] = []
        self._answers = list(answers)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._tls = tls
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Loopback:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections += 1
            arguments = (connection, self._connections)
            threading.Thread(target=self._serve, args=arguments, daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        if self._tls is not None:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                # A client that does not trust us hangs up.
                connection.close()
                return
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline().decode().strip():
                headers: dict[str, str] = {}
                while header := stream.readline().decode().strip():
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers.get("content-length", 0)))
                with self._lock:
                    self.requests.append(Request(line, headers, body, number))
                    answer = self._answers[0]
                    if len(self._answers) > 1:
                        del self._answers[0]
                if answer.status:
                    connection.sendall(head_of(answer))
                if not send_body(connection, answer):
                    return
                if answer.closes:
                    return


def send_body(connection: socket.socket, answer: Answer) -> bool:
    """Send it, slowly if so wanted; false when the client has gone."""
    size = 1 if answer.pause_s else max(1, len(answer.body))
    try:
        for start in range(0, len(answer.body) if answer.status else 0, size):
            connection.sendall(answer.body[start : start + size])
            time.sleep(answer.pause_s)
    except OSError:
        return False
    return True


def head_of(answer: Answer) -> bytes:
    """Status and headers as they go over the wire."""
    length = len(answer.body) if answer.length is None else answer.length
    head = [f"HTTP/1.1 {answer.status} Status", f"content-length: {length}", *answer.headers]
    return "\r\n".join([*head, "", ""]).encode()


def error(status: int, code: str, *headers: str) -> Answer:
    """An error as the API spells it."""
    body = json.dumps({"error": {"code": code, "message": f"It is {code}"}}).encode()
    return Answer(status, body, headers)
