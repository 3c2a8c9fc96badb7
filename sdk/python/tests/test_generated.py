"""What is generated is what the document says, and all of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT.parents[1] / "docs" / "reference" / "openapi.json"
OUT = ROOT / "src" / "valetkey" / "api"
GENERATE_S = 60


def generate(out: Path, document: Path = DOCUMENT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "generate.py"), "--document", str(document)]
    return subprocess.run(
        [*command, "--out", str(out)], capture_output=True, text=True, timeout=GENERATE_S
    )


def document() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(DOCUMENT.read_text("utf-8"))
    return read


def test_what_is_committed_is_what_the_document_makes(tmp_path: Path) -> None:
    done = generate(tmp_path)
    assert done.returncode == 0, done.stderr
    fresh = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text("utf-8") for path in OUT.glob("*.py")}
    assert fresh.keys() == kept.keys()
    stale = [name for name in fresh if fresh[name] != kept[name]]
    assert stale == [], "run generate.py"


@pytest.mark.parametrize("module", ["resources.py", "async_resources.py"])
def test_every_operation_for_api_keys_has_a_method(module: str) -> None:
    text = (OUT / module).read_text("utf-8")
    called = re.findall(r'_call\(\s+"([A-Z]+)",\s+(?:path\()?"([^"]+)"', text)
    wanted = [
        (verb.upper(), re.sub(r"\{\w+\}", "{}", path))
        for path, verbs in document()["paths"].items()
        for verb, operation in verbs.items()
        if any("apiKey" in scheme for scheme in operation["security"])
    ]
    assert len(wanted) > 30
    assert set(wanted) <= set(called)
    assert len(called) == len(set(called)) == text.count("_call(\n")


def test_every_scope_is_told() -> None:
    text = " ".join((OUT / "resources.py").read_text("utf-8").split())
    for verbs in document()["paths"].values():
        for operation in verbs.values():
            if "Scope:" in operation.get("description", ""):
                assert " ".join(operation["description"].split()) in text


def test_a_new_operation_without_a_name_stops_the_generator(tmp_path: Path) -> None:
    changed = document()
    health = dict(changed["paths"]["/health"]["get"], operationId="new", security=[{"apiKey": []}])
    changed["paths"]["/new"] = {"get": health}
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    done = generate(tmp_path / "out", tmp_path / "changed.json")
    assert done.returncode == 1
    assert done.stderr.strip() == "get /new has no name; add it to naming.py"
