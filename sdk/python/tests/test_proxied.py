"""Calls to a provider's API through the real server, and keys for some of them."""

from __future__ import annotations

import asyncio
import io
from typing import Any, Iterator

import pytest
from dev_server import API_KEY, DevServer
from valetkey import AsyncValetkey, Valetkey, ValetkeyConnectionError, ValetkeyError, models


@pytest.fixture
def about(imported: str) -> dict[str, Any]:
    return {"provider_config_key": API_KEY, "connection_id": imported}


def test_the_answer_is_the_providers_whatever_its_status(
    client: Valetkey, about: dict[str, Any]
) -> None:
    with client.call("get", "api/me", query={"a": "x y", "b": [1, 2], "c": None}, **about) as answer:
        assert answer.status == 200
        assert answer.headers["Valetkey-Attempts"] == "1"
        assert isinstance(answer.json(), dict)
        assert answer.read() == b""
    with client.call("POST", "/nothing", json={"n": 1}, retries=1, retry_on=[418], **about) as other:
        assert other.status == 404
        # Left unread: the connection is not used again.
    with client.call("GET", "/api/me", **about) as again:
        assert b"".join(again).startswith(b"{")


@pytest.mark.parametrize("body", [b"bytes", io.BytesIO(b"a file"), iter([b"in ", b"pieces"])])
def test_bodies_of_every_kind_are_taken(
    client: Valetkey, about: dict[str, Any], body: Any
) -> None:
    with client.call("PUT", "/api/me", body=body, **about) as answer:
        assert answer.status == 405


def test_what_is_no_answer_of_the_provider_is_raised(
    client: Valetkey, about: dict[str, Any]
) -> None:
    with pytest.raises(ValetkeyError) as unknown:
        client.call("GET", "/api/me", provider_config_key=API_KEY, connection_id="none")
    assert unknown.value.status == 400
    with pytest.raises(ValetkeyError) as elsewhere:
        client.call("GET", "/", base_url="https://example.net", **about)
    assert elsewhere.value.code == "base_url_override_not_allowed"
    for path in ["/../connections", "a/%2e%2E/b", "/./x", "/\\..\\x", "/a#b"]:
        with pytest.raises(ValueError):
            client.call("GET", path, **about)
    with Valetkey("http://127.0.0.1:1", "vk_secret") as nowhere:
        with pytest.raises(ValetkeyConnectionError) as unreachable:
            nowhere.call("GET", "/", **about)
    assert "vk_secret" not in str(unreachable.value)


def test_asyncio(dev: DevServer, about: dict[str, Any]) -> None:
    async def run() -> None:
        async with AsyncValetkey(dev.url, dev.api_key) as client:
            async with await client.call("GET", "/api/me", **about) as answer:
                assert answer.status == 200 and await answer.json()
            async with await client.call("GET", "/api/me", **about) as answer:
                assert b"".join([chunk async for chunk in answer])

    asyncio.run(run())


@pytest.fixture
def narrow(client: Valetkey) -> Iterator[Any]:
    calls: list[models.CallInput] = [{"methods": ["GET"], "path": "/api/me"}]
    made = client.proxy.create_key(provider_config_key=API_KEY, calls=calls, calls_max=2)
    yield made
    client.proxy.delete_key(str(made["id"]))


def test_a_narrow_key_makes_its_calls(
    dev: DevServer, client: Valetkey, about: dict[str, Any], narrow: Any
) -> None:
    [listed] = client.proxy.list_keys()
    assert listed["id"] == narrow["id"] and listed["calls_left"] == 2
    with Valetkey(dev.url, narrow["key"]) as agent:
        with agent.call("GET", "/api/me", **about) as answer:
            assert answer.status == 200
        with pytest.raises(ValetkeyError) as refused:
            agent.call("DELETE", "/api/me", **about)
    assert refused.value.status == 403
