"""The HTTP side of a node: its API as a back end uses it, and any other request."""

import json
from collections import namedtuple

import aiohttp

Answer = namedtuple("Answer", "status headers text")


class ApiError(Exception):
    def __init__(self, code, message):
        super().__init__(f"error {code}: {message}")
        self.code = code


class Api:
    def __init__(self, port, key):
        self.base = f"http://127.0.0.1:{port}"
        self.key = key
        self._session = None

    async def request(self, method, path, **more):
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15))
        async with self._session.request(method, self.base + path, **more) as got:
            return Answer(got.status, got.headers, await got.text())

    async def get(self, path, **more):
        return await self.request("GET", path, **more)

    async def raw(self, method, body, **headers):
        """Sends `body` as it is; the whole answer."""
        headers.setdefault("X-API-Key", self.key)
        return await self.request("POST", f"/api/{method}", data=body, headers=headers)

    async def __call__(self, method, **params):
        """The result of an API method; ApiError when it is refused."""
        got = await self.raw(method, json.dumps(params))
        assert got.status == 200, got
        answer = json.loads(got.text)
        if "error" in answer:
            raise ApiError(answer["error"]["code"], answer["error"]["message"])
        return answer["result"] if method != "batch" else answer["replies"]

    async def publish(self, channel, data, **more):
        return await self("publish", channel=channel, data=data, **more)

    async def close(self):
        if self._session is not None:
            await self._session.close()
            self._session = None
