#!/usr/bin/env python3
"""A back end for Plexus in one file, with the standard library only: it mints tokens, publishes, and serves chat.html.

  python3 examples/backend.py                                 serve the page on http://127.0.0.1:8080/
  python3 examples/backend.py token alice                     print a token
  python3 examples/backend.py publish chat:lobby '{"text":"Hello"}'

The key and the secret come from the environment, under the names that the node itself uses, or else from build/demo.env,
which `make run` writes.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

HERE = Path(__file__).resolve().parent
NODE = os.environ.get("NODE", "http://127.0.0.1:8000")
LISTEN = ("127.0.0.1", int(os.environ.get("PORT", "8080")))


def setting(name):
    """A secret that node and back end share."""
    if name in os.environ:
        return os.environ[name]
    file = HERE.parent / "build" / "demo.env"
    if file.exists():
        for line in file.read_text().splitlines():
            key, _, value = line.partition("=")
            if key == name:
                return value
    sys.exit(f"{name} is neither in the environment nor in {file}: start the node with `make run` first")


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def mint(user, lifetime=3600, **claims):
    """An HS256 token. Further claims: info, channels, can, ... (docs/tokens.md)."""
    body = {"sub": user, "exp": int(time.time()) + lifetime, **claims}
    text = base64url(b'{"alg":"HS256","typ":"JWT"}') + "." + base64url(json.dumps(body).encode())
    secret = setting("PLEXUS_CLIENT__TOKEN__HMAC_SECRET").encode()
    return text + "." + base64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())


class Unknown(RuntimeError):
    """Error 100: it can't be known whether it was done."""


def call(method, **body):
    """One call of the HTTP API: its result, or RuntimeError with the error."""
    request = urllib.request.Request(
        f"{NODE}/api/{method}",
        data=json.dumps(body).encode(),
        headers={"X-API-Key": setting("PLEXUS_API__KEY"), "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:  # 401, 403, 404, 413: the node says why
        raise RuntimeError(f"{method}: {error.code} {error.read().decode().strip()}") from None
    if "error" in answer:
        code, message = answer["error"]["code"], answer["error"]["message"]
        raise (Unknown if code == 100 else RuntimeError)(f"{method}: {code} {message}")
    return answer["result"]


def publish(channel, data):
    """Publishes once, whatever happens on the way: with the same key the same request is safe to repeat."""
    key = str(uuid.uuid4())
    for wait in (0.2, 1, 3, None):
        try:
            return call("publish", channel=channel, data=data, idempotency_key=key)
        except (Unknown, OSError):
            if wait is None:
                raise
            time.sleep(wait)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/":
            page = (HERE / "chat.html").read_bytes()
            self.answer(200, "text/html; charset=utf-8", page)
        elif url.path == "/token":
            # Here your own login decides who the user is. This example believes what the page says.
            user = parse_qs(url.query).get("user", ["guest"])[0]
            body = {"token": mint(user), "node": NODE}
            self.answer(200, "application/json", json.dumps(body).encode())
        else:
            self.answer(404, "text/plain", b"There is nothing at this path.\n")

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def main(words):
    if words[:1] == ["token"] and len(words) == 2:
        print(mint(words[1]))
    elif words[:1] == ["publish"] and len(words) == 3:
        try:
            print(json.dumps(publish(words[1], json.loads(words[2]))))
        except (RuntimeError, OSError) as error:
            sys.exit(str(error))
    elif not words:
        setting("PLEXUS_CLIENT__TOKEN__HMAC_SECRET")
        server = ThreadingHTTPServer(LISTEN, Handler)
        print(f"Open http://{LISTEN[0]}:{server.server_port}/?user=alice (the node is at {NODE})", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
