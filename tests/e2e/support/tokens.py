"""JSON Web Tokens, also those that nobody should accept."""

import base64
import hashlib
import hmac
import json
import time

from support.wire import CommandError, Ended

SECRET = "the secret of the end-to-end tests, 32 bytes and more"

_DIGESTS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def _part(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header, claims, secret=SECRET, digest=hashlib.sha256):
    """A token of exactly these parts, given as objects or as raw bytes."""
    parts = [p if isinstance(p, bytes) else json.dumps(p).encode() for p in (header, claims)]
    text = ".".join(_part(p) for p in parts)
    return text + "." + _part(hmac.new(secret.encode(), text.encode(), digest).digest())


def token(user, expires_in=None, secret=SECRET, alg="HS256", **claims):
    """A connection token; with a `channel` claim it is one for a subscription."""
    claims = {"sub": user, **claims}
    if expires_in is not None:
        claims["exp"] = int(time.time() + expires_in)
    return signed({"alg": alg, "typ": "JWT"}, claims, secret, _DIGESTS[alg])


async def outcome(call):
    """What a call comes to: "ok", the error code of the reply, or the close code."""
    try:
        await call
        return "ok"
    except (CommandError, Ended) as e:
        return e.code


async def admission(wire, node, text, **fields):
    """What connecting with a token comes to, as `outcome` says it."""
    one = await wire(node, None)
    return await outcome(one.connect(text, **fields))
