"""Verification of webhooks by Standard Webhooks (https://www.standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, Iterable, List, Literal, Mapping, Optional, Union

TOLERANCE_S = 300
# In a header, more signatures than these are not looked at.
SIGNATURES_MAX = 16


class WebhookVerificationError(Exception):
    """A request that is not, or not provably, a webhook of this server. Answer it with 400."""


@dataclass(frozen=True)
class WebhookEvent:
    """A verified event. Of a type that this version does not know, only this much is known."""

    id: str
    """Stays the same when a delivery is repeated: handle each id once."""
    sent_at: datetime
    """When this attempt was made."""
    type: str
    payload: Dict[str, Any]
    """The whole body."""


@dataclass(frozen=True)
class EndUser:
    """The person whom a connect session named."""

    id: str
    email: Optional[str]
    organization_id: Optional[str]
    tags: Dict[str, str]


@dataclass(frozen=True)
class Failure:
    """Why an operation failed."""

    type: str
    """A code."""
    description: str
    """For people."""


@dataclass(frozen=True)
class AuthEvent(WebhookEvent):
    """Something happened to the credentials of a connection."""

    operation: Literal["creation", "override", "refresh"]
    """A new connection, an existing one authorized again, or its credentials renewed."""
    success: bool
    connection_id: str
    """On a failed creation, the id it would have had."""
    provider_config_key: str
    """The integration."""
    provider: str
    environment: str
    auth_mode: str
    tags: Dict[str, str]
    """The connection's; empty when it was not made."""
    end_user: Optional[EndUser]
    """Only on success, and only when the session named one."""
    error: Optional[Failure]
    """Only when it failed."""


def verify(
    body: Union[bytes, str],
    headers: Mapping[str, Any],
    signing_keys: Union[str, Iterable[str]],
    tolerance_s: float = TOLERANCE_S,
) -> WebhookEvent:
    """Check that a request is a webhook of this server, and give the event in it.

    :param body: The body as it was received, byte for byte: not parsed and written again.
    :param headers: The request's headers, in any letter case.
    :param signing_keys: The environment's signing key, as shown or in the form ``whsec_…``; or
        several, while one replaces the other.
    :param tolerance_s: How far the time of sending may lie from now, in seconds.
    :returns: An :class:`AuthEvent`; a :class:`WebhookEvent` for any other type.
    :raises WebhookVerificationError: it is not. The reason names no key and no signature.
    :raises ValueError: there is no key, or one cannot be read.
    """
    keys = [key_bytes(key) for key in _listed(signing_keys)]
    if not keys:
        raise ValueError("signing_keys is empty")
    content = body.encode() if isinstance(body, str) else bytes(body)
    event_id = _header(headers, "webhook-id")
    timestamp = _header(headers, "webhook-timestamp")
    given = [
        signature[len("v1,") :].encode()
        for signature in _header(headers, "webhook-signature").split()[:SIGNATURES_MAX]
        if signature.startswith("v1,")
    ]
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise WebhookVerificationError("webhook-timestamp is not a number of seconds")
    signed = b".".join([event_id.encode(), timestamp.encode(), content])
    wanted = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()) for key in keys]
    # All are compared, whichever fits, so that the time taken says nothing.
    fitting = [hmac.compare_digest(one, other) for one in given for other in wanted]
    if not any(fitting):
        raise WebhookVerificationError("no signature fits the body and the signing keys")
    if abs(time.time() - int(timestamp)) > tolerance_s:
        raise WebhookVerificationError(f"sent more than {tolerance_s:g} s ago, or in the future")
    return _event(event_id, int(timestamp), content)


def key_bytes(key: str) -> bytes:
    """The bytes that a signing key signs with."""
    if not key:
        raise ValueError("a signing key is empty")
    if not key.startswith("whsec_"):
        return key.encode()
    try:
        return base64.b64decode(key[len("whsec_") :], validate=True)
    except binascii.Error:
        raise ValueError("a signing key that begins with whsec_ must go on in base64") from None


def _listed(keys: Union[str, Iterable[str]]) -> List[str]:
    return [keys] if isinstance(keys, str) else list(keys)


def _header(headers: Mapping[str, Any], name: str) -> str:
    values = [value for key, value in headers.items() if str(key).lower() == name]
    if len(values) != 1 or not isinstance(values[0], str) or not values[0]:
        raise WebhookVerificationError(f"the header {name} must be there, once")
    return values[0]


def _event(event_id: str, timestamp: int, content: bytes) -> WebhookEvent:
    try:
        payload = json.loads(content)
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        raise WebhookVerificationError("signed, but the body is not a JSON object")
    sent_at = datetime.fromtimestamp(timestamp, timezone.utc)
    kind = str(payload.get("type", ""))
    if kind != "auth":
        return WebhookEvent(event_id, sent_at, kind, payload)
    try:
        return _auth_event(event_id, sent_at, payload)
    except (KeyError, TypeError, AttributeError):
        text = "signed, but the event is not of the form that this version knows"
        raise WebhookVerificationError(text) from None


def _auth_event(event_id: str, sent_at: datetime, payload: Dict[str, Any]) -> AuthEvent:
    user, failure = payload.get("endUser"), payload.get("error")
    return AuthEvent(
        id=event_id,
        sent_at=sent_at,
        type="auth",
        payload=payload,
        operation=payload["operation"],
        success=payload["success"],
        connection_id=payload["connectionId"],
        provider_config_key=payload["providerConfigKey"],
        provider=payload["provider"],
        environment=payload["environment"],
        auth_mode=payload["authMode"],
        tags=payload.get("tags") or {},
        end_user=user
        and EndUser(
            id=user["endUserId"],
            email=user.get("endUserEmail"),
            organization_id=user.get("organizationId"),
            tags=user.get("tags") or {},
        ),
        error=failure and Failure(failure["type"], failure["description"]),
    )
