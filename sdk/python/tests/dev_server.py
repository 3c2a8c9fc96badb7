"""``valetkey dev`` as a process: the server with an emulated provider and a webhook inbox."""

from __future__ import annotations

import http.cookiejar
import json
import os
import queue
import re
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Optional, TypeVar

READY_S = 60.0
STOP_S = 30.0
REQUEST_S = 30.0
"""Longest wait for what the server does on its own, such as sending a webhook, in seconds."""
UNTIL_S = 30.0

OAUTH = "emulator"
API_KEY = "emulator-api-key"
DEMO_CONNECTION = "demo"
GOOD_API_KEY = "emk_python_sdk_12345678"

Found = TypeVar("Found")


def binary() -> Path:
    """The server's program, as ``VALETKEY_BIN`` or the debug build of this checkout."""
    built = Path(__file__).resolve().parents[3] / "target" / "debug" / "valetkey"
    return Path(os.environ.get("VALETKEY_BIN", built)).resolve()


def until(what: str, look: Callable[[], Optional[Found]], timeout_s: float = UNTIL_S) -> Found:
    """The first thing that ``look`` finds."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {what}")
        time.sleep(0.05)


class DevServer:
    """A running ``valetkey dev`` on free ports and in an empty folder."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="valetkey-python-")
        self.data_dir = Path(self._folder.name) / "data"
        self._lines: queue.Queue[Optional[str]] = queue.Queue()
        self._output: list[str] = []
        self._process = subprocess.Popen(
            [binary(), "dev", "--port-base", "0", "--data-dir", self.data_dir],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": os.environ["PATH"]},
        )
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        self.url = self._printed("Server")
        self.provider_url = self._printed("Provider")
        self.app_url = self._printed("Sample app")
        self.api_key = self._printed(r"API key \(dev\)")
        self.signing_key = self._printed("Signing key")

    def __enter__(self) -> DevServer:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process and delete its folder."""
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)
        self._reader.join(STOP_S)
        self._folder.cleanup()

    def command(self, *arguments: str) -> str:
        """What another command of the program prints, run beside this server on its data."""
        done = subprocess.run(
            [binary(), *arguments, "--data-dir", self.data_dir],
            capture_output=True,
            text=True,
            timeout=REQUEST_S,
            env={"PATH": os.environ["PATH"]},
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def authorize(self, session_token: str) -> None:
        """Does what a customer does in a browser: open the session, approve, come back."""
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        browser = urllib.request.build_opener(jar, _Approves())
        query = urllib.parse.urlencode({"connect_session_token": session_token})
        try:
            page = browser.open(f"{self.url}/oauth/connect/{OAUTH}?{query}", timeout=REQUEST_S)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode()
            raise AssertionError(f"the customer sees {error.code} at {error.url}: {text}") from None
        with page:
            assert page.status == 200 and page.url.startswith(self.url), (page.status, page.url)

    def install_at_provider(self, address: str) -> None:
        """Installs the app from the provider's side: approves there, and comes to the address of
        the integration without having been sent from here."""
        query = urllib.parse.urlencode({"redirect_uri": address, "auto": "approve"})
        url = f"{self.provider_url}/install?{query}"
        with urllib.request.urlopen(url, timeout=REQUEST_S) as page:
            assert page.status == 200 and page.url.startswith(self.url), (page.status, page.url)

    def post_at_provider(self, path: str, fields: dict[str, object]) -> None:
        """A button on the provider's control page."""
        request = urllib.request.Request(
            self.provider_url + path,
            data=json.dumps(fields).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=REQUEST_S) as reply:
            assert reply.status == 200

    def revoke_grants(self) -> None:
        """Withdraws every live grant, as people do on the provider's account page."""
        with urllib.request.urlopen(self.provider_url, timeout=REQUEST_S) as page:
            text: str = page.read().decode()
        grants: list[str] = re.findall(r'action="(/control/grants/[^"]+/revoke)"', text)
        for path in grants:
            self.post_at_provider(path, {})

    def webhooks(self) -> list[dict[str, Any]]:
        """What arrived at the inbox, newest first: each with ``headers``, ``body``, ``json``."""
        with urllib.request.urlopen(f"{self.app_url}/inbox.json", timeout=REQUEST_S) as reply:
            entries: list[dict[str, Any]] = json.load(reply)["entries"]
        return entries

    def webhook(self, **wanted: object) -> dict[str, Any]:
        """The newest webhook whose payload has these members, once it is there."""

        def look() -> Optional[dict[str, Any]]:
            for entry in self.webhooks():
                if all(entry["json"].get(name) == value for name, value in wanted.items()):
                    return entry
            return None

        return until(f"a webhook with {wanted}", look)

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(None)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while not any("Signing key" in line for line in self._output):
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise RuntimeError("valetkey dev did not start:\n" + "".join(self._output))
            self._output.append(line)

    def _printed(self, label: str) -> str:
        found = re.search(rf"{label}\s+(\S+)", "".join(self._output))
        assert found, f"valetkey dev did not print {label}"
        return found[1]


class _Approves(urllib.request.HTTPRedirectHandler):
    """Follows redirects, and answers the provider's consent page with yes on the way."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        if "/oauth/authorize?" in newurl:
            newurl += "&auto=approve"
        return super().redirect_request(req, fp, code, msg, headers, newurl)
