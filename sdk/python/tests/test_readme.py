"""The README's snippets, run one after the other against the real server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

import pytest
from dev_server import DevServer, until
from valetkey import ValetkeyError

README = Path(__file__).resolve().parents[1] / "README.md"


class Snippets:
    """They share their names, as they would in one program."""

    def __init__(self) -> None:
        text = README.read_text("utf-8")
        self.texts = dict(re.findall(r"^```python\n# (\w+)\n(.*?)^```$", text, re.M | re.S))
        self.names: dict[str, Any] = {"__name__": "readme"}
        self.run_: set[str] = set()

    def run(self, name: str) -> None:
        exec(compile(self.texts[name], f"README.md, {name}", "exec"), self.names)
        self.run_.add(name)


@pytest.fixture
def snippets(dev: DevServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Snippets]:
    monkeypatch.setenv("VALETKEY_URL", dev.url)
    monkeypatch.setenv("VALETKEY_API_KEY", dev.api_key)
    monkeypatch.setenv("VALETKEY_SIGNING_KEY", dev.signing_key)
    made = Snippets()
    made.run("setup")
    yield made
    made.names["client"].close()


def test_the_snippets(
    dev: DevServer, snippets: Snippets, capsys: pytest.CaptureFixture[str]
) -> None:
    names = snippets.names
    snippets.run("connect")
    assert names["session"]["connect_link"] in capsys.readouterr().out
    dev.authorize(names["session"]["token"])

    snippets.run("read")
    assert names["token"].startswith("emu_at_")
    connection_id = names["connection"]["connection_id"]

    snippets.run("call")
    assert names["profile"]["sub"]

    snippets.run("webhook")
    entry = dev.webhook(connectionId=connection_id, operation="creation")
    assert names["receive"](entry["body"].encode(), entry["headers"]) == 200
    assert capsys.readouterr().out == f"user-1 connected {connection_id}\n"
    assert names["receive"](entry["body"].encode() + b" ", entry["headers"]) == 400

    snippets.run("errors")
    snippets.run("diagnosis")
    assert names["fresh_token"](connection_id) != names["token"]
    dev.revoke_grants()
    with pytest.raises(PermissionError, match="ask the customer to open http") as caught:
        names["fresh_token"](connection_id)
    assert isinstance(caught.value.__cause__, ValetkeyError)
    assert names["why"](caught.value.__cause__) == "terminal"

    entry = dev.webhook(connectionId=connection_id, operation="refresh", success=False)
    capsys.readouterr()
    assert names["receive"](entry["body"].encode(), entry["headers"]) == 200
    assert "has failed: The provider no longer accepts" in capsys.readouterr().out

    snippets.run("feed")
    assert f"auth.creation {connection_id}" in capsys.readouterr().out
    snippets.run("lists")
    assert f"{connection_id} broken" in capsys.readouterr().out
    snippets.run("asyncio")
    assert re.fullmatch(r"[1-9]\d* connections\n", capsys.readouterr().out)
    assert snippets.run_ == set(snippets.texts)


@pytest.mark.usefixtures("brief_tokens")
def test_an_outage_of_the_provider_is_no_reason_to_reconnect(
    dev: DevServer, snippets: Snippets, authorize: Callable[[], str]
) -> None:
    for name in ("errors", "diagnosis"):
        snippets.run(name)
    connections, why = snippets.names["client"].connections, snippets.names["why"]
    connection_id = authorize()
    fault = {"target": "token", "kind": "http_500", "times": 1000}
    dev.post_at_provider("/control/faults", fault)

    def refused() -> Optional[ValetkeyError]:
        try:
            connections.get(connection_id, provider_config_key="emulator")
        except ValetkeyError as error:
            return error
        return None

    error = until("the token has expired", refused)
    assert error.code == "invalid_credentials"
    assert not error.needs_reconnect
    assert why(error) == "transient"


def test_every_python_block_has_a_name() -> None:
    text = README.read_text("utf-8")
    assert len(Snippets().texts) == text.count("```python\n")
