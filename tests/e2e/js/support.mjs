// What the end-to-end tests share: a node as a process of its own, tokens, clients whose network can be cut, and
// waits that always end. Nothing here needs more than Node.js 18.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Centrifuge } from 'centrifuge';
import WebSocket from 'ws';

/// Removes a folder and what is in it; a browser's helpers and servers write their last lines a moment after their end.
export const remove = (folder) => rm(folder, { recursive: true, force: true, maxRetries: 10 });

export const root = process.env.PLEXUS_ROOT || join(dirname(fileURLToPath(import.meta.url)), '../../..');
export const binary = process.env.PLEXUS_BIN || join(root, 'build/plexus');

/// The path of lib<name>.so, of the build that the node is of.
export function plugin(name) {
  const places = [process.env.PLEXUS_TEST_PLUGINS, join(dirname(binary), '../../tests'), join(root, 'build/release/tests')];
  const found = places.filter(Boolean).map((p) => join(p, `lib${name}.so`)).find((p) => existsSync(p));
  assert.ok(found, `lib${name}.so is in none of ${places}`);
  return found;
}

export const secret = 'end-to-end-hmac-secret-of-enough-length';
export const api_key = 'end-to-end-api-key';

/// Fails with `what` after `ms`; a test that waits for something which doesn't come says for what.
export function within(promise, ms, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/// The context of the first `name` event for which `accept` is true.
export function event(emitter, name, { accept = () => true, ms = 5000 } = {}) {
  let listener;
  const seen = new Promise((done) => {
    listener = (ctx) => { if (accept(ctx)) done(ctx); };
    emitter.on(name, listener);
  });
  const what = `event ${name}${emitter.channel ? ` of ${emitter.channel}` : ''}`;
  return within(seen, ms, what).finally(() => emitter.removeListener(name, listener));
}

/// For what no event tells: asks again until `accept` takes the answer, and returns it.
export async function eventually(ask, accept, what, ms = 3000) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (accept(answer)) return answer;
    if (Date.now() > end) assert.fail(`not within ${ms} ms: ${what}; last answer ${JSON.stringify(answer)}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/// Collects; `.until(n)` resolves once n have come (and never takes away what came in excess).
export function collect(emitter, name = 'publication', pick = (ctx) => ctx) {
  const got = [];
  const waiting = new Set();
  emitter.on(name, (ctx) => {
    got.push(pick(ctx));
    for (const one of waiting) if (got.length >= one.n) one.done();
  });
  got.until = (n, ms = 10000) => {
    if (got.length >= n) return Promise.resolve();
    const one = { n };
    const reached = new Promise((done) => { one.done = done; });
    waiting.add(one);
    return within(reached, ms, `${n} ${name} events`)
      .catch((error) => { throw new Error(`${error.message}; ${got.length} came`); })
      .finally(() => waiting.delete(one));
  };
  return got;
}

export const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/// Starts a node on ports of the kernel's choice. `settings` go into its configuration file, or `file` names one.
export async function start_node(settings = {}, { file, args = [], env = {} } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'plexus-e2e-'));
  const config = file || join(folder, 'plexus.json');
  if (!file) await writeFile(config, JSON.stringify(with_defaults(settings)));
  const ready_file = join(folder, 'ready.json');
  const child = spawn(binary, ['serve', '--config', config, '--ready-file', ready_file, ...args],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { log += chunk; });
  const exit = once(child, 'exit').then(([code, signal]) => ({ code, signal }));

  let ready;
  try {
    ready = await eventually(async () => {
      if (child.exitCode !== null) return { gone: child.exitCode };
      return readFile(ready_file, 'utf8').then(JSON.parse, () => null);
    }, Boolean, 'the ready file', 15000);
    assert.ok(ready.port, `the node stopped at once:\n${log}`);
  } catch (error) {
    child.kill('SIGKILL');
    await remove(folder);
    throw new Error(`${error.message}\n${log}`);
  }

  const http = `http://127.0.0.1:${ready.port}`;
  return {
    http,
    ws: `ws://127.0.0.1:${ready.port}/connection/websocket`,
    log: () => log,
    /// One call of the HTTP API; an error of it fails the test.
    async api(method, body) {
      const answer = await this.api_raw(method, body);
      assert.ok(answer.error === undefined, `api ${method}: ${JSON.stringify(answer.error)}`);
      return answer.result;
    },
    async api_raw(method, body, headers = { 'X-API-Key': api_key }) {
      const answer = await fetch(`${http}/api/${method}`,
        { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(10000) });
      assert.equal(answer.status, 200, `api ${method}: HTTP ${answer.status}`);
      return answer.json();
    },
    /// Publishes {n} for each n of from..to, in order, a hundred a request.
    async publish_numbers(channel, from, to) {
      for (let first = from; first <= to; first += 100) {
        const commands = range(first, Math.min(to, first + 99)).map((n) => ({ publish: { channel, data: { n } } }));
        const answer = await fetch(`${http}/api/batch`, { method: 'POST', headers: { 'X-API-Key': api_key },
          body: JSON.stringify({ commands }), signal: AbortSignal.timeout(10000) });
        const { replies } = await answer.json();
        assert.equal(replies.length, commands.length);
        for (const reply of replies) assert.ok(reply.publish, JSON.stringify(reply));
      }
    },
    /// Reads these settings instead, as after SIGHUP.
    async reload(changed) {
      const before = log.length;
      await writeFile(config, JSON.stringify(with_defaults(changed)));
      child.kill('SIGHUP');
      await eventually(async () => log.slice(before).includes('configuration read again'), Boolean, 'the reload');
    },
    /// As a machine that loses power.
    async kill() {
      child.kill('SIGKILL');
      await exit;
      await remove(folder);
    },
    async stop() {
      child.kill('SIGTERM');
      try {
        const { code, signal } = await within(exit, 15000, 'the end of the node after SIGTERM');
        assert.deepEqual({ code, signal }, { code: 0, signal: null }, log);
      } finally {
        child.kill('SIGKILL');
        await remove(folder);
      }
    },
  };
}

function with_defaults(settings) {
  return {
    ...settings,
    listen: { port: 0, ...settings.listen },
    node: { drain_timeout: '1s', ...settings.node },
    api: { key: api_key },
    client: { ...settings.client, token: { hmac_secret: secret, ...settings.client?.token } },
    log: { level: 'info', ...settings.log },
  };
}

export const seconds_from_now = (s) => Math.floor(Date.now() / 1000) + s;

export function jwt(claims, key = secret) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${body}.${createHmac('sha256', key).update(body).digest('base64url')}`;
}

const made = new Set();

/// A client whose network is in the test's hand: `net.drop()` ends the socket without a close frame and refuses new
/// ones until `net.up()`. Everything else is the library as it comes from the registry; `library` is another build.
export function connect_client(node, user, options = {}) {
  const net = { down: false, sockets: [], opened: 0 };
  class socket_on_net extends WebSocket {
    constructor(url, protocols) {
      // Nothing listens on port 1: what a client meets whose network is gone.
      super(net.down ? 'ws://127.0.0.1:1/' : url, protocols, options.socket);
      net.sockets.push(this);
      this.on('open', () => { net.opened += 1; });
    }
  }
  net.cut = () => { for (const socket of net.sockets.splice(0)) socket.terminate(); };
  net.drop = () => { net.down = true; net.cut(); };
  net.up = () => { net.down = false; };

  const { socket, claims, library = Centrifuge, ...rest } = options;
  const client = new library(node.ws, {
    websocket: socket_on_net,
    minReconnectDelay: 20,
    maxReconnectDelay: 100,
    getToken: async () => jwt({ sub: user, exp: seconds_from_now(600), ...claims }),
    ...rest,
  });
  client.net = net;
  made.add(client);
  return client;
}

/// The same, connected.
export async function connected_client(node, user, options = {}) {
  const client = connect_client(node, user, options);
  const done = event(client, 'connected');
  client.connect();
  client.id = (await done).client;
  return client;
}

/// A subscription that is subscribed; its context is `sub.first`.
export async function subscribed(client, channel, options = {}) {
  const sub = client.newSubscription(channel, { minResubscribeDelay: 20, maxResubscribeDelay: 100, ...options });
  const done = event(sub, 'subscribed');
  sub.subscribe();
  sub.first = await done;
  return sub;
}

/// Ends every client that the test made.
export function disconnect_all() {
  for (const client of made) client.disconnect();
  made.clear();
}

/// A socket without the library: `say` writes a frame, `reply` gives the message with that id, `closed` the code.
export async function raw_socket(node, options = {}) {
  const socket = new WebSocket(node.ws, options);
  const messages = [];
  const waiting = new Set();
  socket.on('message', (data) => {
    for (const line of data.toString().split('\n')) {
      if (!line) continue;
      messages.push(JSON.parse(line));
      for (const check of waiting) check();
    }
  });
  const closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: reason.toString() }));
  await within(once(socket, 'open'), 5000, 'an open socket');
  return {
    socket,
    messages,
    closed: (ms = 5000) => within(closed, ms, 'a close frame'),
    say: (value) => socket.send(typeof value === 'string' ? value : JSON.stringify(value)),
    message(accept, ms = 5000) {
      let check;
      const found = new Promise((done) => {
        check = () => { const hit = messages.find(accept); if (hit) done(hit); };
        waiting.add(check);
        check();
      });
      return within(found, ms, 'a message').finally(() => waiting.delete(check));
    },
    reply(id, ms) { return this.message((m) => m.id === id, ms); },
  };
}
