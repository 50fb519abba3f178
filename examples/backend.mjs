#!/usr/bin/env node
// A back end for Plexus in one file, for Node.js 18 and later, without packages: it mints tokens, publishes, and serves
// chat.html. It does what backend.py does.
//
//   node examples/backend.mjs                                 serve the page on http://127.0.0.1:8080/
//   node examples/backend.mjs token alice                     print a token
//   node examples/backend.mjs publish chat:lobby '{"text":"Hello"}'
//
// The key and the secret come from the environment, under the names that the node itself uses, or else from
// build/demo.env, which `make run` writes.
import { createHmac, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

const node = process.env.NODE || 'http://127.0.0.1:8000';
const port = Number(process.env.PORT || 8080);
const file = new URL('../build/demo.env', import.meta.url);

/// A secret that node and back end share.
function setting(name) {
  if (process.env[name]) return process.env[name];
  const line = existsSync(file) && readFileSync(file, 'utf8').split('\n').find((l) => l.startsWith(`${name}=`));
  if (line) return line.slice(name.length + 1);
  console.error(`${name} is neither in the environment nor in build/demo.env: start the node with \`make run\` first`);
  process.exit(1);
}

const base64url = (text) => Buffer.from(text).toString('base64url');

/// An HS256 token for an hour. Further claims: info, channels, can, ... (docs/tokens.md).
function mint(user, claims = {}) {
  const body = { sub: user, exp: Math.floor(Date.now() / 1000) + 3600, ...claims };
  const text = `${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url(JSON.stringify(body))}`;
  const secret = setting('PLEXUS_CLIENT__TOKEN__HMAC_SECRET');
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/// One call of the HTTP API: its result, or an Error with the code.
async function call(method, body) {
  const response = await fetch(`${node}/api/${method}`, {
    method: 'POST',
    headers: { 'X-API-Key': setting('PLEXUS_API__KEY'), 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10000),
  });
  if (!response.ok) throw Object.assign(new Error(await response.text()), { code: response.status });
  const { result, error } = await response.json();
  if (error) throw Object.assign(new Error(`${method}: ${error.code} ${error.message}`), { code: error.code });
  return result;
}

/// Publishes once, whatever happens on the way: with the same key the same request is safe to repeat.
async function publish(channel, data) {
  const command = { channel, data, idempotency_key: randomUUID() };
  for (const pause of [200, 1000, 3000]) {
    try {
      return await call('publish', command);
    } catch (error) {
      const unknown = typeof error.code !== 'number' || error.code === 100; // no answer, or one that says so
      if (!unknown) throw error;
      await wait(pause);
    }
  }
  return call('publish', command);
}

function serve() {
  setting('PLEXUS_CLIENT__TOKEN__HMAC_SECRET');
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const answer = (status, type, body) =>
      response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body);
    if (url.pathname === '/') {
      answer(200, 'text/html; charset=utf-8', readFileSync(new URL('chat.html', import.meta.url)));
    } else if (url.pathname === '/token') {
      // Here your own login decides who the user is. This example believes what the page says.
      const token = mint(url.searchParams.get('user') || 'guest');
      answer(200, 'application/json', JSON.stringify({ token, node }));
    } else {
      answer(404, 'text/plain', 'There is nothing at this path.\n');
    }
  });
  server.listen(port, '127.0.0.1', () =>
    console.log(`Open http://127.0.0.1:${server.address().port}/?user=alice (the node is at ${node})`));
}

const [what, first, second] = process.argv.slice(2);
if (what === undefined) serve();
else if (what === 'token' && first) console.log(mint(first));
else if (what === 'publish' && second) console.log(JSON.stringify(await publish(first, JSON.parse(second))));
else {
  console.error('backend.mjs [token USER | publish CHANNEL JSON]');
  process.exit(1);
}
