"""Key pairs, tokens signed with them, and a key set as an identity provider serves it."""

import asyncio
import json
import time

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa


class KeyPair:
    """`alg` is what its tokens are signed with; `kid` what their header says, where it isn't empty."""

    def __init__(self, alg, kid="", key=None):
        self.alg, self.kid = alg, kid
        self.key = key or {
            "RS": lambda: rsa.generate_private_key(65537, 2048),
            "ES": lambda: ec.generate_private_key(ec.SECP256R1() if alg == "ES256" else ec.SECP384R1()),
            "Ed": ed25519.Ed25519PrivateKey.generate,
        }[alg[:2]]()

    @property
    def pem(self):
        return (
            self.key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    @property
    def private_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @property
    def jwk(self):
        algorithm = jwt.get_algorithm_by_name(self.alg)
        return {**json.loads(algorithm.to_jwk(self.key.public_key())), "kid": self.kid, "use": "sig"}

    def token(self, user="ann", *, header=None, expires_in=None, **claims):
        claims = {"sub": user, **claims}
        if expires_in is not None:
            claims["exp"] = int(time.time() + expires_in)
        headers = {**({"kid": self.kid} if self.kid else {}), **(header or {})}
        return jwt.encode(claims, self.key, algorithm=self.alg, headers=headers)


class KeySetServer:
    """Serves `keys` at `url`. `answer` replaces that; `gate` holds answers back until it is set."""

    def __init__(self, ssl=None):
        self.keys, self.requests, self.answer = [], 0, None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.ssl = ssl

    async def start(self):
        app = web.Application()
        app.router.add_get("/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.ssl)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"{'https' if self.ssl else 'http'}://127.0.0.1:{self.port}/.well-known/jwks.json"
        return self

    async def stop(self):
        self.gate.set()
        await self._runner.cleanup()

    async def _serve(self, request):
        self.requests += 1
        self.asked.set()
        await self.gate.wait()
        if self.answer is not None:
            return await self.answer(request)
        return web.json_response({"keys": [key.jwk for key in self.keys]})
