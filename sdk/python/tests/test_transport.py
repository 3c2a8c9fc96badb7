"""Connections are kept, noticed when they end, and lead nowhere else."""

from __future__ import annotations

import os
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from loopback import Answer, Loopback
from valetkey import Valetkey, ValetkeyError, transport


def test_requests_share_a_connection() -> None:
    with Loopback(Answer()) as server, Valetkey(server.url, "vk_x") as client:
        for _ in range(3):
            client.server.health()
        client.connections.replace_metadata_of("a", {}, provider_config_key="b")
    assert [request.connection for request in server.requests] == [1, 1, 1, 1]


def test_a_connection_that_the_server_ended_is_not_used() -> None:
    with Loopback(Answer(closes=True)) as server, Valetkey(server.url, "vk_x") as client:
        for _ in range(2):
            # A POST is never sent twice, so it proves that the end was noticed before.
            client.connections.create_flat({})
            time.sleep(0.1)
    assert [request.connection for request in server.requests] == [1, 2]


def test_an_answer_that_ends_the_connection() -> None:
    ending = Answer(headers=("connection: close",), closes=True)
    with Loopback(ending) as server, Valetkey(server.url, "vk_x") as client:
        assert client.server.health() == client.server.health() == {"result": "ok"}
    assert [request.connection for request in server.requests] == [1, 2]


def test_tls(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ("-subj", "/CN=loopback", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", str(key), "-out", str(certificate))
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    subprocess.run([*made, *subject, *files], check=True, capture_output=True, timeout=60)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with Loopback(Answer(), tls=tls) as server:
        with Valetkey(server.url, "vk_x", retries_max=0) as client:
            with pytest.raises(ValetkeyError, match="CERTIFICATE_VERIFY_FAILED"):
                client.server.health()
        with Valetkey(server.url, "vk_x", ssl_context=trusting) as client:
            for _ in range(3):
                client.server.health()
    assert [request.connection for request in server.requests] == [2, 2, 2]


def test_threads_do_not_mix_their_answers() -> None:
    with Loopback(Answer()) as server, Valetkey(server.url, "vk_x") as client:
        threads = [threading.Thread(target=client.server.health) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert len(server.requests) == 30


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_opens_its_own_connection() -> None:
    with Loopback(Answer()) as server, Valetkey(server.url, "vk_x") as client:
        client.server.health()
        child = os.fork()
        if child == 0:
            client.server.health()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        client.server.health()
    assert [request.connection for request in server.requests] == [1, 2, 1]


@pytest.mark.parametrize(
    "host, wanted",
    [
        ("http://[::1]", ("::1", 80)),
        ("https://a.example:8443/below", ("a.example", 8443)),
        ("https://a.example", ("a.example", 443)),
    ],
)
def test_where_a_host_is(host: str, wanted: tuple[str, int]) -> None:
    connection = transport.Transport(host, 1, None)._new()
    assert (connection.host, connection.port) == wanted


def test_a_redirect_is_not_followed() -> None:
    with Loopback(Answer()) as other:
        moved = Answer(302, b"", (f"location: {other.url}/",))
        with Loopback(moved) as server, Valetkey(server.url, "vk_x") as client:
            with pytest.raises(ValetkeyError) as caught:
                client.server.health()
    assert (caught.value.status, caught.value.code) == (302, "unknown")
    assert other.requests == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'"x"', b"{}"])
def test_an_answer_of_something_else(body: bytes) -> None:
    with Loopback(Answer(body=body)) as server, Valetkey(server.url, "vk_x") as client:
        with pytest.raises(ValetkeyError, match="is the host right"):
            client.connections.list()


def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ANSWER_BYTES_MAX", 100)
    with Loopback(Answer(body=b" " * 101)) as server, Valetkey(server.url, "vk_x") as client:
        with pytest.raises(ValetkeyError) as caught:
            client.connect_sessions.create()
    assert caught.value.code == "answer_too_large"


def test_an_answer_that_breaks_off() -> None:
    short = Answer(body=b'{"data":1}', length=11, closes=True)
    with Loopback(short) as server, Valetkey(server.url, "vk_x") as client:
        with pytest.raises(ValetkeyError) as caught:
            client.connect_sessions.create()
    assert caught.value.code == "unreachable"


def test_what_is_sent() -> None:
    with Loopback(Answer(body=b'{"data":{}}')) as server:
        with Valetkey(f"{server.url}/below/", "vk_x") as client:
            client.connect_sessions.create(tags={"é": "ü"}, lang=None)
            client.environments.rotate_signing_key()
    created, rotated = server.requests
    assert created.line == "POST /below/connect/sessions HTTP/1.1"
    assert created.headers["authorization"] == "Bearer vk_x"
    assert created.headers["content-type"] == "application/json"
    assert created.body.decode() == '{"tags": {"é": "ü"}}'
    assert created.headers["user-agent"].startswith("valetkey-python/")
    assert rotated.body == b"" and rotated.headers["content-length"] == "0"
