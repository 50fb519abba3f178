// permessage-deflate with the clients that people have: npm's ws and Chromium negotiate it by themselves.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { collect, connected_client, disconnect_all, jwt, raw_socket, remove, start_node,
  subscribed } from './support.mjs';

const program = process.env.PLEXUS_CHROMIUM || '/usr/bin/chromium';
const agreed = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const long = { text: 'the quick brown fox jumps over the lazy dog; '.repeat(40) };
const channels = { default: { subscribe: 'user', publish: 'user', history_size: 100, history_ttl: '1m' } };
const subscribers = 20;

describe('compression', { timeout: 60000 }, () => {
  let node;
  before(async () => { node = await start_node({ client: { compression: true, allowed_origins: ['*'] }, channels }); });
  afterEach(disconnect_all);
  after(() => node?.stop());

  async function metric(name) {
    const text = await (await fetch(`${node.http}/metrics`)).text();
    const line = text.split('\n').find((l) => l.startsWith(`${name} `));
    assert.ok(line, `no metric ${name}`);
    return Number(line.split(' ').at(-1));
  }
  const broadcasts = () => metric('plexus_compressions_total{of="broadcast"}');
  const compressed_sent = () => metric('plexus_compressed_messages_sent_total');

  /// A ws client that is subscribed to `channel`; `extensions` is what was agreed to.
  async function raw_subscriber(channel, options = {}) {
    const one = await raw_socket(node, options);
    one.say({ id: 1, connect: { token: jwt({ sub: 'raw' }) } });
    await one.reply(1);
    one.say({ id: 2, subscribe: { channel } });
    assert.ok((await one.reply(2)).subscribe);
    return one;
  }

  test('ws agrees to it, sends and receives compressed', async () => {
    const one = await raw_subscriber('a', { perMessageDeflate: { threshold: 0 } });
    assert.equal(one.socket.extensions, 'permessage-deflate');
    one.say({ id: 3, publish: { channel: 'a', data: long } });
    const push = await one.message((m) => m.push?.pub);
    assert.deepEqual(push.push.pub.data, long);
    assert.ok((await one.reply(3)).publish);
    one.socket.close();
    await one.closed();
  });

  test('ws with smaller windows, with a window kept, and without compression get the same', async () => {
    const each = await Promise.all([
      raw_subscriber('b', { perMessageDeflate: { serverMaxWindowBits: 9, clientMaxWindowBits: 9 } }),
      raw_subscriber('b', { perMessageDeflate: { serverNoContextTakeover: true, clientNoContextTakeover: true } }),
      raw_subscriber('b', { perMessageDeflate: { clientMaxWindowBits: true, threshold: 0, concurrencyLimit: 1 } }),
      raw_subscriber('b', { perMessageDeflate: false }),
    ]);
    assert.equal(each[3].socket.extensions, '');
    for (const data of [long, { n: 1 }, { text: long.text.repeat(10) }]) {
      await node.api('publish', { channel: 'b', data });
      for (const one of each) {
        const push = await one.message((m) => m.push?.pub && JSON.stringify(m.push.pub.data) === JSON.stringify(data));
        assert.ok(push);
      }
    }
    for (const one of each) { one.socket.close(); await one.closed(); }
  });

  test('a publication is compressed once, however many get it', async () => {
    const subs = [];
    for (let i = 0; i < subscribers; ++i) {
      const client = await connected_client(node, `u${i}`);
      subs.push(collect(await subscribed(client, 'c')));
    }
    const before_it = [await broadcasts(), await compressed_sent()];
    for (let i = 0; i < 10; ++i) await node.api('publish', { channel: 'c', data: { i, ...long } });
    for (const got of subs) {
      await got.until(10);
      assert.deepEqual(got.map((p) => p.data), Array.from({ length: 10 }, (_, i) => ({ i, ...long })));
    }
    assert.equal(await broadcasts() - before_it[0], 10);
    assert.equal(await compressed_sent() - before_it[1], 10 * subscribers);
    assert.ok(await metric('plexus_compression_saved_bytes_total') > 10 * subscribers * 1000);
  });

  test('short messages go as they are', async () => {
    const one = await raw_subscriber('d');
    const before_it = [await broadcasts(), await compressed_sent()];
    await node.api('publish', { channel: 'd', data: { n: 1 } });
    await one.message((m) => m.push?.pub);
    assert.deepEqual([await broadcasts(), await compressed_sent()], before_it);
    one.socket.close();
    await one.closed();
  });

  test('Chromium agrees to it, sends and receives compressed', async () => {
    assert.ok(existsSync(program), `there is no browser at ${program}`);
    const profile = await mkdtemp(join(tmpdir(), 'plexus-chromium-'));
    const browser = await chromium.launch({ executablePath: program, timeout: 20000,
      args: ['--headless', '--no-sandbox', '--disable-gpu', `--disk-cache-dir=${profile}`],
      env: { ...process.env, HOME: profile } });
    try {
      const page = await browser.newPage();
      const session = await page.context().newCDPSession(page);
      await session.send('Network.enable');
      const answer = new Promise((done) => {
        session.on('Network.webSocketHandshakeResponseReceived', (e) => done(e.response.headers));
      });
      await page.goto(`${node.http}/health/live`);
      const before_it = await compressed_sent();
      const got = await page.evaluate(async ({ url, token, data }) => {
        const socket = new WebSocket(url);
        const messages = [];
        let done;
        const end = new Promise((resolve) => { done = resolve; });
        socket.onopen = () => socket.send(JSON.stringify({ id: 1, connect: { token } }));
        socket.onclose = (e) => done({ code: e.code, messages });
        socket.onmessage = (e) => {
          for (const line of e.data.split('\n')) {
            const m = JSON.parse(line);
            messages.push(m);
            if (m.id === 1) socket.send(JSON.stringify({ id: 2, subscribe: { channel: 'e' } }));
            if (m.id === 2) socket.send(JSON.stringify({ id: 3, publish: { channel: 'e', data } }));
            if (m.id === 3) done({ extensions: socket.extensions, messages });
          }
        };
        return end;
      }, { url: node.ws, token: jwt({ sub: 'browser' }), data: long });
      assert.match(got.extensions ?? '', /^permessage-deflate/, JSON.stringify(got));
      assert.deepEqual(got.messages.find((m) => m.push?.pub).push.pub.data, long);
      const headers = Object.fromEntries(Object.entries(await answer).map(([k, v]) => [k.toLowerCase(), v]));
      assert.equal(headers['sec-websocket-extensions'], agreed);
      assert.ok(await compressed_sent() > before_it);
    } finally {
      await browser.close();
      await remove(profile);
    }
  });

  test('without client.compression it is never agreed to', async () => {
    const plain = await start_node({ channels });
    try {
      const one = await raw_socket(plain);
      assert.equal(one.socket.extensions, '');
      one.socket.close();
      await one.closed();
    } finally {
      await plain.stop();
    }
  });
});
