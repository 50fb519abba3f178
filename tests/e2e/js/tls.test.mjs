// The library and a real browser over wss.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { api_key, collect, connected_client, disconnect_all, event, range, remove, root, secret, start_node,
  subscribed } from './support.mjs';

const program = process.env.PLEXUS_CHROMIUM || '/usr/bin/chromium';

describe('over TLS', { timeout: 60000 }, () => {
  let node, folder, socket;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plexus-tls-'));
    const [certificate, key] = ['node.pem', 'node.key'].map((name) => join(folder, name));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
      '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
    socket = { ca: readFileSync(certificate) };
    node = await start_node({}, { file: join(root, 'config/demo.json'),
      args: ['--set', 'listen.port=0', '--set', `listen.tls.certificate=${certificate}`,
        '--set', `listen.tls.key=${key}`, '--set', 'internal.address=127.0.0.1'],
      env: { PLEXUS_API__KEY: api_key, PLEXUS_CLIENT__TOKEN__HMAC_SECRET: secret } });
    node.ws = node.ws.replace('ws:', 'wss:');
  });
  afterEach(disconnect_all);
  after(async () => {
    if (node) await node.stop();
    if (folder) await remove(folder);
  });

  test('clients talk, lose their network, and recover', async () => {
    const [ann, bob] = await Promise.all(['ann', 'bob'].map((user) => connected_client(node, user, { socket })));
    const [from, to] = await Promise.all([ann, bob].map((one) => subscribed(one, 'chat:tls')));
    const got = collect(to, 'publication', (ctx) => ctx.data.n);
    for (const n of range(1, 100)) from.publish({ n });
    await got.until(100);
    bob.net.drop();
    await event(bob, 'connecting');
    for (const n of range(101, 200)) await from.publish({ n });
    const back = event(to, 'subscribed');
    bob.net.up();
    assert.equal((await back).recovered, true);
    await got.until(200);
    assert.deepEqual([...got], range(1, 200));
  });

  test('the demo page in a browser', async () => {
    assert.ok(existsSync(program), `there is no browser at ${program}`);
    const browser = await chromium.launch({ executablePath: program, timeout: 20000,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
        '--ignore-certificate-errors', '--disable-background-networking'],
      env: { ...process.env, HOME: folder } });
    try {
      const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
      page.setDefaultTimeout(8000);
      const sockets = [];
      page.on('websocket', (one) => sockets.push(one.url()));
      await page.goto(node.http.replace('http:', 'https:') + '/', { waitUntil: 'load' });
      await page.waitForSelector('#state[data-state=connected]');
      await page.fill('#chat-input', 'over TLS');
      await page.click('#chat-send');
      await page.waitForSelector('#messages [data-text="over TLS"]');
      assert.equal(sockets.length, 1);
      assert.ok(sockets[0].startsWith('wss://'));
    } finally {
      await browser.close();
    }
  });
});
