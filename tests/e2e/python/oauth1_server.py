"""An OAuth 1.0a service on loopback: RFC 5849 by oauthlib, an approval page, and one protected resource.

Prints the port it listens on, and ends when its standard input does. All is in memory.
oauthlib checks signatures, timestamps, formats and lengths; the store below says what is known.
"""

import json
import os
import secrets
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from hmac import compare_digest
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

from oauthlib.oauth1 import OAuth1Error, RequestValidator, WebApplicationServer

BODY_BYTES_MAX = 64 * 1024
NONCES_MAX = 100_000
SEEN_MAX = 1_000
PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Approve access</title>
<h1>{client} asks for access</h1>
<form method="post" action="/authorize">
<input type="hidden" name="oauth_token" value="{token}">
<button name="decision" value="approve">Approve</button>
<button name="decision" value="decline">Decline</button>
</form>
"""


@dataclass(frozen=True)
class Client:
    """A registered consumer, which signs in one way only."""

    secret: str
    method: str
    # What the Authorization header has to name as its realm.
    realm: str | None = None


@dataclass
class RequestToken:
    """Temporary credentials, and the verifier once a person approved."""

    client: str
    secret: str
    callback: str
    verifier: str | None = None


@dataclass(frozen=True)
class AccessToken:
    """Lasting credentials."""

    client: str
    secret: str


@dataclass
class Store(RequestValidator):
    """What oauthlib asks about. Who is not known is answered like the dummy, in the same time."""

    clients: dict[str, Client]
    access_tokens: dict[str, AccessToken]
    request_tokens: dict[str, RequestToken] = field(default_factory=dict)
    nonces: set = field(default_factory=set)

    enforce_ssl = False
    dummy_client = "dummy" * 5
    dummy_request_token = "dummy" * 5
    dummy_access_token = "dummy" * 5

    def get_client_secret(self, client_key, request):
        client = self.clients.get(client_key)
        return client.secret if client else "dummy"

    def get_request_token_secret(self, client_key, token, request):
        known = self._request_token(client_key, token)
        return known.secret if known else "dummy"

    def get_access_token_secret(self, client_key, token, request):
        known = self.access_tokens.get(token)
        return known.secret if known and known.client == client_key else "dummy"

    def get_default_realms(self, client_key, request):
        return []

    def get_realms(self, token, request):
        return []

    def get_redirect_uri(self, token, request):
        return self.request_tokens[token].callback

    def invalidate_request_token(self, client_key, request_token, request):
        self.request_tokens.pop(request_token, None)

    def validate_client_key(self, client_key, request):
        client = self.clients.get(client_key)
        return client is not None and client.method == request.signature_method

    def validate_request_token(self, client_key, token, request):
        return self._request_token(client_key, token) is not None

    def validate_access_token(self, client_key, token, request):
        known = self.access_tokens.get(token)
        return known is not None and known.client == client_key

    def validate_timestamp_and_nonce(
        self, client_key, timestamp, nonce, request, request_token=None, access_token=None
    ):
        use = (client_key, timestamp, nonce, request_token or access_token)
        if use in self.nonces or len(self.nonces) >= NONCES_MAX:
            return False
        self.nonces.add(use)
        return True

    def validate_redirect_uri(self, client_key, redirect_uri, request):
        url = urlsplit(redirect_uri or "")
        return url.scheme == "http" and url.hostname == "127.0.0.1"

    def validate_requested_realms(self, client_key, realms, request):
        return True

    def validate_realms(self, client_key, token, request, uri=None, realms=None):
        client = self.clients.get(client_key)
        return client is not None and client.realm == request.realm

    def validate_verifier(self, client_key, token, verifier, request):
        known = self._request_token(client_key, token)
        wanted = (known and known.verifier) or secrets.token_hex(12)
        return compare_digest(verifier, wanted)

    def verify_request_token(self, token, request):
        return token in self.request_tokens

    def verify_realms(self, token, realms, request):
        return not realms

    def save_access_token(self, token, request):
        saved = AccessToken(request.client_key, token["oauth_token_secret"])
        self.access_tokens[token["oauth_token"]] = saved

    def save_request_token(self, token, request):
        saved = RequestToken(request.client_key, token["oauth_token_secret"], request.redirect_uri)
        self.request_tokens[token["oauth_token"]] = saved

    def save_verifier(self, token, verifier, request):
        self.request_tokens[token].verifier = verifier["oauth_verifier"]

    def _request_token(self, client_key, token):
        known = self.request_tokens.get(token)
        return known if known and known.client == client_key else None


class Service:
    """The endpoints, each `(url, method, body, headers) -> (status, headers, body)`."""

    def __init__(self, store):
        self.store = store
        self.server = WebApplicationServer(store)
        self.seen = deque(maxlen=SEEN_MAX)
        self.lock = threading.Lock()
        self.routes = {
            ("POST", "/request_token"): self.request_token,
            ("GET", "/authorize"): self.approval_page,
            ("POST", "/authorize"): self.decide,
            ("POST", "/access_token"): self.access_token,
            ("GET", "/api/me"): self.me,
            ("POST", "/api/me"): self.me,
            ("PUT", "/api/me"): self.me,
            ("GET", "/seen"): self.show_seen,
        }

    def answer(self, url, method, body, headers):
        """Answer one request. One at a time, so that a nonce counts once."""
        route = self.routes.get((method, urlsplit(url).path))
        if route is None:
            return 404, {"Content-Type": "text/plain"}, "There is nothing here.\n"
        with self.lock:
            return route(url, method, body, headers)

    def request_token(self, *request):
        return self._token_answer(self.server.create_request_token_response, request)

    def access_token(self, url, method, body, headers):
        more = {"user_id": "42"}
        create = self.server.create_access_token_response
        return self._token_answer(create, (url, method, body, headers), credentials=more)

    def _token_answer(self, create, request, **more):
        self._note(*request)
        headers, body, status = create(*request, **more)
        return status, headers, body or ""

    def approval_page(self, url, *_):
        token = dict(parse_qsl(urlsplit(url).query)).get("oauth_token")
        known = self.store.request_tokens.get(token)
        if known is None:
            return 400, {"Content-Type": "text/plain"}, "This request is unknown or over.\n"
        page = PAGE.format(client=escape(known.client), token=escape(token))
        return 200, {"Content-Type": "text/html; charset=utf-8"}, page

    def decide(self, url, method, body, headers):
        form = dict(parse_qsl(body))
        if form.get("decision") == "approve":
            create = self.server.create_authorization_response
            try:
                headers, body, status = create(url, method, body, headers)
            except OAuth1Error as error:
                return 400, {"Content-Type": "text/plain"}, f"{error}\n"
            return status, headers, body or ""
        known = self.store.request_tokens.pop(form.get("oauth_token"), None)
        if known is None:
            return 400, {"Content-Type": "text/plain"}, "This request is unknown or over.\n"
        # RFC 5849 has no words for a refusal; this is how the widespread services say it.
        joint = "&" if urlsplit(known.callback).query else "?"
        target = known.callback + joint + urlencode({"denied": form["oauth_token"]})
        return 302, {"Location": target}, ""

    def me(self, url, method, body, headers):
        self._note(url, method, body, headers)
        check = self.server.validate_protected_resource_request
        valid, request = check(url, method, body, headers)
        kind = {"Content-Type": "application/json"}
        if not valid:
            return 401, kind, json.dumps({"error": "This request is not signed as it should be."})
        return 200, kind, json.dumps({"id": "42", "name": "Ann", "client": request.client_key})

    def show_seen(self, *_):
        return 200, {"Content-Type": "application/json"}, json.dumps(list(self.seen))

    def _note(self, url, method, body, headers):
        """Keep what a signed request says about itself."""
        scheme, _, fields = headers.get("Authorization", "").partition(" ")
        pairs = (one.strip().partition("=") for one in fields.split(","))
        said = {name: value.strip('"') for name, _, value in pairs if name != "oauth_signature"}
        path = urlsplit(url).path
        self.seen.append({"path": path, "method": method, "scheme": scheme, "said": said})


class Handler(BaseHTTPRequestHandler):
    """HTTP around the service."""

    service: Service

    def do_GET(self):
        self._answer("")

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_BYTES_MAX:
            self.send_error(413)
            return
        self._answer(self.rfile.read(length).decode())

    do_PUT = do_POST

    def _answer(self, body):
        url = f"http://{self.headers['Host']}{self.path}"
        asked = {name.title(): value for name, value in self.headers.items()}
        status, headers, text = self.service.answer(url, self.command, body, asked)
        payload = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format, *args):
        """Keep quiet: the suites say what went wrong."""


def end_with_parent():
    """Whoever started this holds the other end of standard input."""
    sys.stdin.buffer.read()
    os._exit(0)


def main():
    """Serve the clients and tokens that are given as JSON on the command line."""
    given = json.loads(sys.argv[1])
    clients = {key: Client(**client) for key, client in given["clients"].items()}
    tokens = {key: AccessToken(**token) for key, token in given["tokens"].items()}
    Handler.service = Service(Store(clients, tokens))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=end_with_parent, daemon=True).start()
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
