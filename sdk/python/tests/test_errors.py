"""Errors of the real server, and what never shows in one."""

from __future__ import annotations

import pickle
import socket
import traceback
from typing import Callable, Optional

import pytest
from dev_server import API_KEY, OAUTH, DevServer, until
from valetkey import Valetkey, ValetkeyConnectionError, ValetkeyError
from valetkey.errors import error_of


def test_an_invalid_body_names_what_is_wrong(client: Valetkey) -> None:
    with pytest.raises(ValetkeyError) as caught:
        client.connect_sessions.create(tags={"1 bad": "x"}, allowed_integrations=["no-such"])
    error = caught.value
    assert (error.status, error.code) == (400, "invalid_body")
    assert any("1 bad" in issue["path"] for issue in error.issues), error.issues
    assert not error.needs_reconnect
    assert str(error).startswith("400, invalid_body: The body is not valid")


def test_what_is_not_there(client: Valetkey) -> None:
    with pytest.raises(ValetkeyError) as caught:
        client.connections.get("nobody", provider_config_key=OAUTH)
    assert (caught.value.status, caught.value.code) == (404, "not_found")
    assert caught.value.issues == []
    with pytest.raises(ValetkeyError) as caught:
        client.connections.get("nobody", provider_config_key="no-such")
    assert (caught.value.status, caught.value.code) == (400, "unknown_provider_config")


def test_the_key_shows_nowhere(dev: DevServer) -> None:
    key = "vk_this_one_must_not_show"
    with Valetkey(host=dev.url, api_key=key) as client:
        with pytest.raises(ValetkeyError) as caught:
            client.connections.list()
    error = caught.value
    assert (error.status, error.code) == (401, "unknown_account")
    closed = Valetkey(host=f"http://127.0.0.1:{free_port()}", api_key=key, retries_max=0)
    with pytest.raises(ValetkeyConnectionError) as unreachable:
        closed.connections.list()
    shown = [repr(client), str(client), repr(closed), repr(vars(client)), repr(vars(error))]
    for one in (error, unreachable.value):
        shown += [str(one), repr(one), repr(one.args), "".join(traceback.format_exception(one))]
        frame = one.__traceback__
        while frame is not None:
            names = [name for name in frame.tb_frame.f_locals if name not in ("key", "shown")]
            shown += [repr(frame.tb_frame.f_locals[name]) for name in names if name != "dev"]
            frame = frame.tb_next
    assert not [text for text in shown if key in text]


@pytest.mark.parametrize("key", ["", "vk_a b", "vk_a\r\nx: y", "vk_é"])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ValueError) as caught:
        Valetkey(host="http://127.0.0.1", api_key=key)
    assert str(caught.value) == "api_key must be visible ASCII characters"


@pytest.mark.parametrize(
    "host", ["", "example.com", "ftp://example.com", "https://user:pass@example.com", "http://a?b"]
)
def test_a_host_that_cannot_be_one_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="host must be a URL") as caught:
        Valetkey(host=host, api_key="vk_x")
    assert "pass" not in str(caught.value)


def test_no_answer(dev: DevServer) -> None:
    client = Valetkey(f"http://127.0.0.1:{free_port()}", "vk_x", retries_max=0)
    with pytest.raises(ValetkeyConnectionError) as caught:
        client.server.health()
    assert (caught.value.status, caught.value.code) == (None, "unreachable")
    assert "ConnectionRefusedError" in str(caught.value)
    assert isinstance(caught.value, ValetkeyError)


def test_a_withdrawn_grant_needs_a_reconnect(
    dev: DevServer, client: Valetkey, authorize: Callable[[], str]
) -> None:
    connection_id = authorize()
    read = client.connections.get(connection_id, provider_config_key=OAUTH)
    assert read["credentials"]["access_token"] and "refresh_token" not in read["credentials"]

    dev.revoke_grants()
    with pytest.raises(ValetkeyError) as caught:
        client.connections.get(connection_id, provider_config_key=OAUTH, force_refresh=True)
    error = caught.value
    assert (error.status, error.code) == (400, "invalid_credentials")
    assert error.needs_reconnect
    connection = error.payload["connection"]
    assert connection["connection_id"] == connection_id
    operation = client.logs.get_operation(connection["errors"][0]["log_id"])
    assert operation["error"]["class"] == "terminal"
    [listed] = client.connections.list(connection_id=connection_id)
    assert listed["errors"] == connection["errors"]

    session = client.connect_sessions.reconnect(
        connection_id=connection_id, integration_id=OAUTH
    )
    dev.authorize(session["token"])
    repaired = client.connections.get(connection_id, provider_config_key=OAUTH)
    assert repaired["errors"] == [] and repaired["credentials"]["access_token"]


@pytest.mark.usefixtures("brief_tokens")
def test_a_broken_connection_is_refused_without_trying_again(
    dev: DevServer, client: Valetkey, authorize: Callable[[], str]
) -> None:
    connection_id = authorize()
    dev.revoke_grants()

    def refused() -> Optional[ValetkeyError]:
        try:
            client.connections.get(connection_id, provider_config_key=OAUTH)
        except ValetkeyError as error:
            return error
        return None

    first = until("the token has expired", refused)
    # 400 when this read tried to refresh it, 424 when the server had tried before.
    assert first.status in (400, 424)
    again = refused()
    assert again is not None
    assert (again.status, again.code) == (424, "invalid_credentials")
    assert first.needs_reconnect and again.needs_reconnect


def test_a_hiccup_of_the_provider_is_no_reason_to_reconnect(
    dev: DevServer, client: Valetkey, authorize: Callable[[], str]
) -> None:
    connection_id = authorize()
    fault = {"target": "token", "kind": "http_500", "times": 1}
    dev.post_at_provider("/control/faults", fault)
    with pytest.raises(ValetkeyError) as caught:
        client.connections.get(connection_id, provider_config_key=OAUTH, force_refresh=True)
    assert (caught.value.status, caught.value.code) == (400, "invalid_credentials")
    assert not caught.value.needs_reconnect
    assert client.connections.get(connection_id, provider_config_key=OAUTH)["errors"] == []


def test_errors_travel_between_processes() -> None:
    body = b'{"error":{"code":"c","message":"m","errors":[],"payload":{"a":1}}}'
    for error in (error_of(409, body, 1.5), ValetkeyConnectionError("timeout", "m")):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), vars(copy)) == (type(error), vars(error))


def test_a_missing_scope(dev: DevServer) -> None:
    scope = "environment:connections:list"
    arguments = ("keys", "create", "dev", "--name", "list only", "--scope", scope)
    with Valetkey(dev.url, dev.command(*arguments)) as client:
        assert client.connections.list(integration_id=API_KEY)
        with pytest.raises(ValetkeyError) as caught:
            client.integrations.list()
        assert (caught.value.status, caught.value.code) == (403, "forbidden")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
