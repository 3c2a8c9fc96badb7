"""Which requests are repeated, how often and after how long."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from loopback import CUT, Answer, Loopback, error
from valetkey import Valetkey, ValetkeyConnectionError, ValetkeyError
from valetkey.retries import FIRST_WAIT_S, WAIT_S_MAX, Retries, retry_after_s

BUSY = error(503, "service_unavailable")


def test_a_get_is_repeated_until_it_is_answered() -> None:
    with Loopback(BUSY, CUT, Answer()) as server, Valetkey(server.url, "vk_x") as client:
        assert client.server.health() == {"result": "ok"}
    assert [request.line for request in server.requests] == ["GET /health HTTP/1.1"] * 3


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_repetitions_are_bounded(status: int) -> None:
    with Loopback(error(status, "not_now")) as server:
        with Valetkey(server.url, "vk_x", retries_max=1) as client:
            with pytest.raises(ValetkeyError) as caught:
                client.server.health()
    assert (caught.value.status, caught.value.code) == (status, "not_now")
    assert len(server.requests) == 2


@pytest.mark.parametrize("answer", [BUSY, CUT, error(429, "too_many_request", "retry-after: 0")])
def test_what_changes_something_is_sent_once(answer: Answer) -> None:
    with Loopback(answer) as server, Valetkey(server.url, "vk_x") as client:
        with pytest.raises(ValetkeyError):
            client.connect_sessions.create(tags={"a": "b"})
        with pytest.raises(ValetkeyError):
            client.connections.delete("a", provider_config_key="b")
    assert [request.line.split()[0] for request in server.requests] == ["POST", "DELETE"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 424, 500])
def test_an_answer_that_will_not_change_is_not_asked_for_again(status: int) -> None:
    with Loopback(error(status, "no")) as server, Valetkey(server.url, "vk_x") as client:
        with pytest.raises(ValetkeyError):
            client.server.health()
    assert len(server.requests) == 1


def test_the_server_says_how_long_to_wait() -> None:
    first = error(429, "too_many_request", "retry-after: 1")
    with Loopback(first, Answer()) as server, Valetkey(server.url, "vk_x") as client:
        begun = time.monotonic()
        client.server.health()
        assert 1 <= time.monotonic() - begun < 1 + FIRST_WAIT_S + 1
    assert len(server.requests) == 2


def test_a_wait_that_is_too_long_is_left_to_the_caller() -> None:
    with Loopback(error(429, "too_many_request", "retry-after: 31")) as server:
        with Valetkey(server.url, "vk_x") as client:
            with pytest.raises(ValetkeyError) as caught:
                client.server.health()
    assert caught.value.retry_after_s == 31
    assert len(server.requests) == 1


def test_waits_grow_are_spread_and_are_bounded() -> None:
    retries = Retries(times_max=20, retry_after_s_max=30)
    for attempt, longest_s in [(0, FIRST_WAIT_S), (1, 2 * FIRST_WAIT_S), (19, WAIT_S_MAX)]:
        waits = [retries.wait_s(attempt, None) for _ in range(200)]
        assert all(wait is not None and 0 <= wait <= longest_s for wait in waits)
        assert len(set(waits)) > 100
    assert retries.wait_s(20, None) is None


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after_s("7") == 7
    in_a_minute = retry_after_s(formatdate(time.time() + 60, usegmt=True))
    assert in_a_minute is not None and 58 <= in_a_minute <= 60
    assert retry_after_s(formatdate(time.time() - 60, usegmt=True)) == 0
    assert [retry_after_s(value) for value in (None, "", "soon", "-1", "²")] == [None] * 5


def test_a_timeout_is_repeated_too() -> None:
    slow = Answer(body=b"{}", length=1000)
    with Loopback(slow, Answer()) as server:
        with Valetkey(server.url, "vk_x", timeout_s=0.3) as client:
            assert client.server.health() == {"result": "ok"}
    with Loopback(slow) as server:
        with Valetkey(server.url, "vk_x", timeout_s=0.3, retries_max=0) as client:
            with pytest.raises(ValetkeyConnectionError) as caught:
                client.server.health()
    assert (caught.value.status, caught.value.code) == (None, "timeout")
    assert caught.value.message == "No answer within 0.3 s."


def test_an_answer_that_trickles_in_has_no_more_time_than_any_other() -> None:
    with Loopback(Answer(body=b" " * 100, pause_s=0.1)) as server:
        with Valetkey(server.url, "vk_x", timeout_s=0.5, retries_max=0) as client:
            begun = time.monotonic()
            with pytest.raises(ValetkeyConnectionError) as caught:
                client.server.health()
    assert caught.value.code == "timeout"
    assert time.monotonic() - begun < 5
