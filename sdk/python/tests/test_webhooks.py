"""Real webhooks of the real server, verified, and what is not one, refused."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

import pytest
from dev_server import API_KEY, OAUTH, DevServer
from valetkey import Valetkey, webhooks
from valetkey.webhooks import AuthEvent, WebhookEvent, WebhookVerificationError, verify

Verify = Callable[..., WebhookEvent]


@pytest.fixture
def entry(dev: DevServer, imported: str) -> dict[str, Any]:
    return dev.webhook(connectionId=imported)


def test_a_real_webhook_is_verified(
    dev: DevServer, imported: str, entry: dict[str, Any]
) -> None:
    event = verify(entry["body"].encode(), entry["headers"], dev.signing_key)
    assert isinstance(event, AuthEvent)
    assert event.id == entry["headers"]["webhook-id"]
    assert abs(datetime.now(timezone.utc) - event.sent_at) < timedelta(minutes=1)
    assert (event.type, event.operation, event.success) == ("auth", "creation", True)
    assert (event.connection_id, event.provider_config_key) == (imported, API_KEY)
    assert (event.environment, event.auth_mode) == ("dev", "API_KEY")
    assert event.tags == {"made_by": "python"}
    assert event.end_user is None and event.error is None
    assert event.payload == entry["json"]


def test_headers_may_be_in_any_case_and_the_body_text(
    dev: DevServer, entry: dict[str, Any]
) -> None:
    shouted = {name.upper(): value for name, value in entry["headers"].items()}
    assert verify(entry["body"], shouted, [dev.signing_key]).type == "auth"


def test_a_failed_refresh_says_why(
    dev: DevServer, client: Valetkey, authorize: Callable[[], str]
) -> None:
    connection_id = authorize()
    dev.revoke_grants()
    with pytest.raises(Exception, match="invalid_credentials"):
        client.connections.get(connection_id, provider_config_key=OAUTH, force_refresh=True)
    entry = dev.webhook(connectionId=connection_id, operation="refresh", success=False)
    event = verify(entry["body"], entry["headers"], dev.signing_key)
    assert isinstance(event, AuthEvent) and event.error is not None
    assert event.error.type == "refresh_token_external_error"
    assert "no longer accepts" in event.error.description


def test_the_end_user_of_a_session(dev: DevServer, client: Valetkey) -> None:
    session = client.connect_sessions.create(
        end_user={"id": "user-3", "email": "ada@example.com", "tags": {"a": "b"}},
        organization={"id": "org-3"},
        allowed_integrations=[OAUTH],
    )
    dev.authorize(session["token"])
    [connection] = client.connections.list(end_user_id="user-3", end_user_organization_id="org-3")
    entry = dev.webhook(connectionId=connection["connection_id"])
    event = verify(entry["body"], entry["headers"], dev.signing_key)
    assert isinstance(event, AuthEvent)
    assert event.end_user == webhooks.EndUser("user-3", "ada@example.com", "org-3", {"a": "b"})


def test_one_changed_byte_is_refused(dev: DevServer, entry: dict[str, Any]) -> None:
    body = bytearray(entry["body"].encode())
    for position in range(len(body)):
        body[position] ^= 1
        with pytest.raises(WebhookVerificationError, match="no signature fits"):
            verify(bytes(body), entry["headers"], dev.signing_key)
        body[position] ^= 1
    verify(bytes(body), entry["headers"], dev.signing_key)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_changed_and_missing_headers_are_refused(
    dev: DevServer, entry: dict[str, Any], name: str
) -> None:
    headers = dict(entry["headers"])
    value = headers.pop(name)
    changed = value.replace("v1,", "v1,x") if "," in value else value + "x"
    for broken in ({}, {name: ""}, {name: changed}, {name: value, name.title(): value}):
        with pytest.raises(WebhookVerificationError):
            verify(entry["body"], {**headers, **broken}, dev.signing_key)


def test_signatures_of_other_versions_and_characters_are_refused(
    dev: DevServer, entry: dict[str, Any]
) -> None:
    good = entry["headers"]["webhook-signature"]
    for value in (good.replace("v1,", "v1a,"), "v1,é", "v1,", " ".join(["v1,x"] * 16 + [good])):
        headers = {**entry["headers"], "webhook-signature": value}
        with pytest.raises(WebhookVerificationError, match="no signature fits"):
            verify(entry["body"], headers, dev.signing_key)


def test_old_and_future_ones_are_refused(
    dev: DevServer, entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_at = int(entry["headers"]["webhook-timestamp"])
    check: Verify = lambda **more: verify(entry["body"], entry["headers"], dev.signing_key, **more)
    for shift_s in (-300, 300):
        monkeypatch.setattr(time, "time", lambda at=sent_at + shift_s: float(at))
        check()
    for shift_s in (-301, 301):
        monkeypatch.setattr(time, "time", lambda at=sent_at + shift_s: float(at))
        with pytest.raises(WebhookVerificationError, match="sent more than 300 s ago"):
            check()
        check(tolerance_s=302)


def test_a_rotated_key_is_accepted_beside_the_new_one(dev: DevServer, client: Valetkey) -> None:
    old = dev.signing_key
    dev.signing_key = client.environments.rotate_signing_key()["webhook_signing_key"]
    connection = client.connections.create(
        provider_config_key=API_KEY,
        credentials={"type": "API_KEY", "apiKey": "emk_after_rotation"},
    )
    entry = dev.webhook(connectionId=connection["connection_id"])
    assert len(entry["headers"]["webhook-signature"].split()) == 2
    # A receiver that has not heard of the new key yet, one that has, and one in between.
    other = "00000000-0000-4000-8000-000000000000"
    for keys in (old, dev.signing_key, [old, dev.signing_key], (other, dev.signing_key)):
        assert verify(entry["body"], entry["headers"], keys).type == "auth"
    with pytest.raises(WebhookVerificationError):
        verify(entry["body"], entry["headers"], other)


def test_a_key_in_the_form_of_standard_webhooks() -> None:
    # The server's own test vector for this key.
    shown = "whsec_MTExMTExMTEtMjIyMi00MzMzLTg0NDQtNTU1NTU1NTU1NTU1"
    assert webhooks.key_bytes(shown) == b"11111111-2222-4333-8444-555555555555"
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1772356211",
        "webhook-signature": "v1,fsH/F9kPjc49lTFFzlAmhZgZyTXN8ZJhSAVOoJQGilg=",
    }
    event = verify('{"a":[1,null,true],"b":{"c":"é"}}', headers, shown, tolerance_s=1e12)
    assert (type(event), event.id, event.type) == (WebhookEvent, "msg_1", "")


@pytest.mark.parametrize("keys", ["", [], ["", "x"], "whsec_!"])
def test_keys_that_cannot_be_used_are_a_mistake_of_ours(keys: Any) -> None:
    headers = {"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
    with pytest.raises(ValueError):
        verify("{}", headers, keys)
