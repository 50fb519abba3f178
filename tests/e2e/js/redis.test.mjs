// Two nodes on one Redis behind a balancer, with the official client: whichever node it is on, and when that dies.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReadableStream } from 'node:stream/web';
import { after, afterEach, before, test } from 'node:test';

import { Centrifuge } from 'centrifuge';
import { EventSource } from 'eventsource';

import { collect, connected_client, disconnect_all, event, eventually, jwt, range, remove, start_node,
  subscribed } from './support.mjs';

async function free_port() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/// Leads each new connection to `to`, which may change.
async function balancer(to) {
  const front = { to };
  front.server = net.createServer((client) => {
    const { hostname, port } = new URL(front.to.http);
    const node = net.connect(port, hostname);
    for (const [from, into] of [[client, node], [node, client]]) {
      from.pipe(into);
      from.on('error', () => into.destroy());
      from.on('close', () => into.destroy());
    }
  }).listen(0, '127.0.0.1');
  await new Promise((done) => front.server.once('listening', done));
  front.ws = `ws://127.0.0.1:${front.server.address().port}/connection/websocket`;
  return front;
}

let redis, folder, nodes, front;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plexus-redis-'));
  const port = await free_port();
  redis = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', folder], { stdio: 'ignore' });
  await eventually(() => new Promise((done) => {
    const probe = net.connect(port, '127.0.0.1', () => { probe.destroy(); done(true); });
    probe.on('error', () => done(false));
  }), Boolean, 'redis-server', 10000);
  const settings = {
    backplane: { url: `redis://127.0.0.1:${port}`, lease: '2s' },
    channels: { namespaces: { log: { subscribe: 'user', publish: 'subscriber', history_size: 5000, history_ttl: '5m' } } },
  };
  nodes = [await start_node(settings), await start_node(settings)];
  front = await balancer(nodes[0]);
});
afterEach(disconnect_all);
after(async () => {
  front.server.close();
  await nodes[1].stop();
  redis.kill('SIGKILL');
  await remove(folder);
});

for (const transport of ['http_stream', 'sse'])
  test(`a client on ${transport} whose commands come in at the other node`, { timeout: 30000 }, async () => {
    const client = new Centrifuge([{ transport, endpoint: `${nodes[0].http}/connection/${transport}` }], {
      emulationEndpoint: `${nodes[1].http}/emulation`,
      fetch, readableStream: ReadableStream, eventsource: EventSource, token: jwt({ sub: 'ann' }),
    });
    const up = event(client, 'connected');
    client.connect();
    try {
      await up;
      const sub = await subscribed(client, `log:${transport}`);
      const got = collect(sub);
      for (const n of range(1, 50)) await sub.publish({ n });
      await got.until(50);
      assert.deepEqual(got.map((ctx) => ctx.data.n), range(1, 50));
      assert.equal((await sub.history({ limit: 0 })).offset, 50);
    } finally {
      client.disconnect();
    }
  });

test('what is published on one node comes on the other, once and in order; a killed node loses nothing', { timeout: 60000 }, async () => {
  const client = await connected_client(front, 'ann');
  const sub = await subscribed(client, 'log:a');
  const got = collect(sub);
  await nodes[1].publish_numbers('log:a', 1, 300);
  await got.until(300);

  front.to = nodes[1];
  const back = event(sub, 'subscribed', { ms: 15000 });
  const publishing = nodes[1].publish_numbers('log:a', 301, 1000);
  await nodes[0].kill();
  const ctx = await back;
  assert.equal(ctx.recovered, true);
  await publishing;
  await got.until(1000);
  assert.deepEqual(got.map((ctx_) => ctx_.data.n), range(1, 1000));
  assert.deepEqual(got.map((ctx_) => ctx_.offset), range(1, 1000));
});
