"""Lists in pages on the real server, walked through item by item."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from dev_server import API_KEY, GOOD_API_KEY, OAUTH, DevServer
from valetkey import AsyncValetkey, Valetkey, ValetkeyError
from valetkey.api import async_resources, resources


@pytest.fixture(scope="module")
def ids(client: Valetkey) -> list[str]:
    """Connections of one end user, more than two pages of two."""
    return [
        client.connections.create(
            provider_config_key=API_KEY,
            connection_id=f"page {number}",
            credentials={"type": "API_KEY", "apiKey": GOOD_API_KEY},
            tags={"batch": "paging"},
        )["connection_id"]
        for number in range(5)
    ]


def test_connections_page_by_page(client: Valetkey, ids: list[str]) -> None:
    wanted = sorted(ids)
    for size in (1, 2, 5, 100):
        items = client.connections.iterate(tags={"batch": "paging"}, limit=size)
        assert sorted(item["connection_id"] for item in items) == wanted, size
    assert list(client.connections.iterate(tags={"batch": "none"})) == []


def test_only_the_pages_that_are_used_are_asked_for(client: Valetkey, ids: list[str]) -> None:
    items = client.connections.iterate(tags={"batch": "paging"}, limit=2)
    assert next(items)["connection_id"] in ids


def test_the_feed_from_where_one_left_off(dev: DevServer, client: Valetkey, ids: list[str]) -> None:
    for connection_id in ids:
        dev.webhook(connectionId=connection_id)
    everything = list(client.webhooks.iterate_events(limit=1000))
    assert [event["id"] for event in client.webhooks.iterate_events(limit=3)] == [
        event["id"] for event in everything
    ]
    middle = everything[len(everything) // 2]
    rest = list(client.webhooks.iterate_events(after=middle["id"], limit=2))
    assert rest == everything[everything.index(middle) + 1 :]
    named = [event["payload"]["connectionId"] for event in everything]
    assert [one for one in named if one in ids] == ids


def test_asyncio(dev: DevServer, ids: list[str]) -> None:
    async def run() -> None:
        async with AsyncValetkey(dev.url, dev.api_key) as client:
            assert repr(client) == f"AsyncValetkey(host={dev.url!r})"
            reads = [client.connections.get(one, provider_config_key=API_KEY) for one in ids]
            read = await asyncio.gather(*reads)
            assert [one["connection_id"] for one in read] == ids
            items = client.connections.iterate(tags={"batch": "paging"}, limit=2)
            assert sorted([item["connection_id"] async for item in items]) == sorted(ids)
            feed = client.webhooks.iterate_events(limit=3)
            assert len([event async for event in feed]) >= len(ids)
            with pytest.raises(ValetkeyError) as caught:
                await client.connections.get("nobody", provider_config_key=OAUTH)
            assert caught.value.status == 404

    asyncio.run(run())


def test_asyncio_has_every_method_with_the_same_arguments() -> None:
    classes = [one for _, one in inspect.getmembers(resources, inspect.isclass)]
    ours = [one for one in classes if one.__module__ == resources.__name__]
    assert len(ours) > 5
    for one in ours:
        twin = getattr(async_resources, f"Async{one.__name__}")
        for name, method in inspect.getmembers(one, inspect.isfunction):
            wanted = list(inspect.signature(method).parameters.values())
            found = list(inspect.signature(getattr(twin, name)).parameters.values())
            if name != "__init__":
                assert found == wanted, name
