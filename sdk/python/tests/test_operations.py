"""Every operation, called on the real server. Each test ends with the proof that it left out none
of its group."""

from __future__ import annotations

import functools
import inspect
import uuid
from typing import Any, Callable, Iterator

import pytest
from dev_server import API_KEY, DEMO_CONNECTION, GOOD_API_KEY, OAUTH, DevServer, until
from valetkey import Valetkey, ValetkeyError, models


class Watched(Valetkey):
    """Knows which methods were called."""

    def __init__(self, host: str, api_key: str) -> None:
        super().__init__(host, api_key)
        self.called: dict[str, set[str]] = {}
        for group in [name for name in vars(self) if not name.startswith("_")]:
            resource = getattr(self, group)
            if type(resource).__module__.startswith("valetkey."):
                self.called[group] = set()
                for name, method in methods(resource).items():
                    setattr(resource, name, self.watched(group, name, method))

    def watched(self, group: str, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*arguments: Any, **named: Any) -> Any:
            self.called[group].add(name)
            return method(*arguments, **named)

        return call

    def all_called(self, *groups: str) -> None:
        for group in groups:
            assert self.called[group] == set(methods(getattr(self, group))), group


def methods(resource: object) -> dict[str, Callable[..., Any]]:
    found = inspect.getmembers(type(resource), inspect.isfunction)
    return {name: getattr(resource, name) for name, _ in found if not name.startswith("_")}


@pytest.fixture
def watched(dev: DevServer) -> Iterator[Watched]:
    with Watched(dev.url, dev.api_key) as client:
        yield client


def name() -> str:
    return f"python-{uuid.uuid4()}"


def refused(status: int, code: str, call: Callable[[], object]) -> ValetkeyError:
    with pytest.raises(ValetkeyError) as caught:
        call()
    assert (caught.value.status, caught.value.code) == (status, code)
    return caught.value


def test_connect_sessions(watched: Watched) -> None:
    session = watched.connect_sessions.create(
        end_user={"id": "user-1", "email": "ada@example.com"},
        organization={"id": "org-1"},
        tags={"plan": "pro"},
        allowed_integrations=[OAUTH],
        integrations_config_defaults={OAUTH: {"user_scopes": "profile"}},
        overrides={OAUTH: {"docs_connect": "https://docs.example.com/connect"}},
        return_url="http://127.0.0.1/settings",
        lang="fr",
        connect_ui_settings={
            "defaultTheme": "dark",
            "theme": {"light": {"primary": "#123456"}, "radius": 8},
            "name": "Acme",
        },
    )
    assert session["token"] in session["connect_link"] and "lang=fr" in session["connect_link"]
    again = watched.connect_sessions.reconnect(
        connection_id=DEMO_CONNECTION, integration_id=API_KEY, tags={"plan": "pro"}
    )
    assert again["token"] != session["token"]
    watched.all_called("connect_sessions")


def test_connections(watched: Watched) -> None:
    connections = watched.connections
    made = connections.create(
        provider_config_key=API_KEY,
        connection_id=name(),
        credentials={"type": "API_KEY", "apiKey": GOOD_API_KEY},
        end_user={"id": "user-2", "display_name": "Ada"},
        metadata={"a": 1},
    )
    key, one = API_KEY, made["connection_id"]
    assert made["credentials"]["apiKey"] == GOOD_API_KEY
    read = connections.get(one, provider_config_key=key, force_refresh=False)
    assert read["credentials"]["apiKey"] == GOOD_API_KEY
    assert read["end_user"] is not None and read["end_user"]["display_name"] == "Ada"
    [found] = connections.list(connection_id=one, integration_id=key, limit=5, page=0)
    assert found["metadata"] == {"a": 1}
    assert one in [item["connection_id"] for item in connections.iterate(integration_id=key)]

    assert connections.update(one, provider_config_key=key, tags={"plan": "pro"})["success"]
    assert connections.list(tags={"plan": "pro"}, connection_id=one)
    assert not connections.list(tags={"plan": "free"}, connection_id=one)
    connections.replace_metadata(
        connection_id=one, provider_config_key=key, metadata={"b": None, "c": "é"}
    )
    connections.merge_metadata(connection_id=[one], provider_config_key=key, metadata={"d": [4]})
    read = connections.get(one, provider_config_key=key)
    assert read["metadata"] == {"b": None, "c": "é", "d": [4]}
    connections.replace_metadata_of(one, {"e": None}, provider_config_key=key)
    connections.merge_metadata_of(one, {"f": 6}, provider_config_key=key)
    assert connections.get(one, provider_config_key=key)["metadata"] == {"e": None, "f": 6}

    flat = {"provider_config_key": key, "connection_id": name(), "api_key": GOOD_API_KEY}
    assert connections.create_flat(flat)["connection_id"] == flat["connection_id"]
    assert connections.delete(one, provider_config_key=key)["success"]
    refused(404, "not_found", lambda: connections.get(one, provider_config_key=key))
    watched.all_called("connections")


def test_names_that_need_escaping_arrive_whole(watched: Watched) -> None:
    made = watched.connections.create(
        provider_config_key=API_KEY,
        connection_id=f'{uuid.uuid4()} / a+b=c {{"d"}} e',
        credentials={"type": "API_KEY", "apiKey": GOOD_API_KEY},
    )
    one = made["connection_id"]
    read = watched.connections.get(one, provider_config_key=API_KEY)
    assert read["connection_id"] == one
    watched.connections.delete(one, provider_config_key=API_KEY)


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_value_that_would_lead_to_another_path_is_refused(watched: Watched, value: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in the path"):
        watched.connections.delete(value, provider_config_key=API_KEY)


def test_integrations(watched: Watched) -> None:
    integrations, key = watched.integrations, name()
    made = integrations.create(
        provider="emulator-oauth2",
        unique_key=key,
        display_name="Made here",
        credentials={"type": "OAUTH2", "client_id": "first", "client_secret": "shh"},
    )
    assert (made["unique_key"], made["display_name"]) == (key, "Made here")
    changed = integrations.update(key, new_unique_key=f"{key}-new", display_name="Changed")
    assert (changed["unique_key"], changed["display_name"]) == (f"{key}-new", "Changed")
    open_ = integrations.get(f"{key}-new", include=["webhook", "credentials"])
    assert open_["credentials"]["client_id"] == "first" and "webhook_url" in open_
    assert "credentials" not in integrations.get(f"{key}-new")
    assert f"{key}-new" in [one["unique_key"] for one in integrations.list()]
    assert integrations.delete(f"{key}-new")["success"]
    refused(404, "not_found", lambda: integrations.get(f"{key}-new"))
    quick = functools.partial(integrations.create_quickstart, provider="emulator-oauth2")
    refused(400, "invalid_body", lambda: quick(unique_key=key))
    some = str(uuid.uuid4())
    refused(404, "feature_disabled", lambda: integrations.client_metadata(some, OAUTH))
    watched.all_called("integrations")


def test_functions(watched: Watched) -> None:
    functions = watched.functions
    page = functions.list(OAUTH, type="sync", page=1, limit=5)
    assert page == {"data": [], "pagination": {"total": 0, "page": 1, "limit": 5}}
    assert functions.list_all() == []
    refused(404, "not_found", lambda: functions.get(OAUTH, "none"))
    refused(404, "not_found", lambda: functions.get_code(OAUTH, "none", type="action"))
    refused(404, "not_found", lambda: functions.delete(OAUTH, "none", type="sync"))
    watched.all_called("functions")


def test_providers(watched: Watched) -> None:
    providers = watched.providers
    found = [one["name"] for one in providers.list(search="emulator-oauth2")]
    assert "emulator-oauth2" in found and all("emulator-oauth2" in one for one in found)
    assert providers.get("emulator-oauth2")["auth_mode"] == "OAUTH2"
    assert providers.list_templates("emulator-oauth2") == []
    assert "emulator-oauth2" in providers.catalogue()
    watched.all_called("providers")


def test_installs(dev: DevServer, watched: Watched) -> None:
    installs, integrations = watched.installs, watched.integrations
    assert installs.list() == []
    integrations.update(OAUTH, installs={"accept": True})
    address = integrations.get(OAUTH, include=["installs"])["installs"]["url"]
    dev.install_at_provider(address)
    [held] = installs.list(provider_config_key=OAUTH)
    assert installs.get(held["id"]) == held
    claimed = installs.claim(held["id"], end_user={"id": "u-install"})
    assert claimed["created"]
    made = watched.connections.get(claimed["connection_id"], provider_config_key=OAUTH)
    assert made["end_user"] and made["end_user"]["id"] == "u-install"
    refused(404, "not_found", lambda: installs.claim(held["id"]))
    refused(404, "not_found", lambda: installs.exchange(claim_token="vk_claim_unknown"))
    dev.install_at_provider(address)
    [second] = installs.iterate()
    assert installs.dismiss(second["id"])["success"]
    integrations.update(OAUTH, installs={"accept": False})
    watched.all_called("installs")


def test_environments(dev: DevServer, watched: Watched) -> None:
    assert watched.environments.list_variables() == []
    rotated = watched.environments.rotate_signing_key()
    assert rotated["webhook_signing_key"] != dev.signing_key
    dev.signing_key = rotated["webhook_signing_key"]

    key_of_account = dev.command("keys", "create", "--account", "--name", name())
    with Watched(dev.url, key_of_account) as account:
        manage_environments(dev, account)
    watched.called["environments"] |= account.called["environments"]
    watched.all_called("environments")


def manage_environments(dev: DevServer, account: Watched) -> None:
    environments = account.environments
    made = environments.create(name=f"p{uuid.uuid4().hex[:12]}", is_production=False)
    key = environments.create_api_key(environment_id=made["id"], display_name="backend")
    with Valetkey(dev.url, key["secret"]) as other:
        assert other.connections.list() == []
        environments.delete_api_key(environment_id=made["id"], key_id=key["id"])
        refused(401, "unknown_account", other.connections.list)
    environments.delete(made["id"])
    refused(404, "not_found", lambda: environments.delete(made["id"]))


def test_webhooks(dev: DevServer, watched: Watched, imported: str) -> None:
    dev.webhook(connectionId=imported)
    events = watched.webhooks.list_events(limit=1000)
    mine = [one for one in events if one["payload"]["connectionId"] == imported]
    assert [one["type"] for one in mine] == ["auth.creation"]
    assert list(watched.webhooks.iterate_events(after=events[-1]["id"])) == []

    def delivered() -> list[models.Delivery]:
        found = watched.webhooks.list_deliveries(state="delivered", limit=100)
        return [one for one in found if one["event_id"] == mine[0]["id"]]

    [delivery] = until("the delivery is noted", delivered)
    assert delivery["last_status"] == 200 and delivery["next_attempt_at"] is None
    assert watched.webhooks.replay_delivery(delivery["id"])["success"]
    watched.all_called("webhooks")


def test_logs(watched: Watched, imported: str) -> None:
    [operation] = watched.logs.list_operations(connection_id=imported, kind="auth", limit=5)
    read = watched.logs.get_operation(operation["id"])
    assert (read["state"], read["connection_id"]) == ("success", imported)
    watched.all_called("logs")


def test_server(watched: Watched) -> None:
    assert watched.server.health() == {"result": "ok"}
    assert watched.server.ready() == {"result": "ok"}
    watched.all_called("server")
