"""One ``valetkey dev`` for all tests, and what they do with it again and again."""

from __future__ import annotations

import uuid
from typing import Callable, Iterator

import pytest
from dev_server import API_KEY, GOOD_API_KEY, OAUTH, DevServer, binary
from valetkey import Valetkey


@pytest.fixture(scope="session")
def dev() -> Iterator[DevServer]:
    """The real server with an emulated provider."""
    if not binary().exists():
        pytest.exit(f"{binary()} is missing: build the server or set VALETKEY_BIN", returncode=2)
    with DevServer() as server:
        yield server


@pytest.fixture(scope="session")
def client(dev: DevServer) -> Iterator[Valetkey]:
    """A client with every scope of the environment."""
    with Valetkey(host=dev.url, api_key=dev.api_key) as made:
        yield made


@pytest.fixture
def imported(client: Valetkey) -> str:
    """The id of a new connection with an API key."""
    connection = client.connections.create(
        provider_config_key=API_KEY,
        connection_id=f"python {uuid.uuid4()}",
        credentials={"type": "API_KEY", "apiKey": GOOD_API_KEY},
        tags={"made_by": "python"},
    )
    return connection["connection_id"]


@pytest.fixture
def authorize(dev: DevServer, client: Valetkey) -> Callable[[], str]:
    """Makes a connection at the emulated OAuth provider and answers its id."""

    def run() -> str:
        user = f"user-{uuid.uuid4()}"
        session = client.connect_sessions.create(
            tags={"end_user_id": user}, allowed_integrations=[OAUTH]
        )
        dev.authorize(session["token"])
        [connection] = client.connections.list(tags={"end_user_id": user})
        return connection["connection_id"]

    return run


@pytest.fixture
def brief_tokens(dev: DevServer) -> Iterator[None]:
    """Tokens live one second. What shall go wrong must be set up before they end: the server also
    refreshes on its own."""
    dev.post_at_provider("/control/lifetimes", {"access_token_s": 1})
    yield
    dev.post_at_provider("/control/lifetimes", {"access_token_s": 120})
    dev.post_at_provider("/control/faults/clear", {})
