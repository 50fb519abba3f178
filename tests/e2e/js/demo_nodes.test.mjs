// The demo on two nodes with one command, as an audience sees it: pages in a real browser, and each node killed once.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { api_key, eventually, range, remove, root, secret, within } from './support.mjs';

async function free_port() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

let folder, demo, output = '', ended, browser, http;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plexus-demo-'));
  const port = await free_port();
  http = `http://127.0.0.1:${port}`;
  demo = spawn(join(root, 'scripts/run_nodes'), ['2', '--set', 'log.level=warn', '--set', 'node.drain_timeout=1s'], {
    env: { ...process.env, PORT: port, RESTART: 1, FOLDER: join(folder, 'demo'), PLEXUS_API__KEY: api_key,
      PLEXUS_CLIENT__TOKEN__HMAC_SECRET: secret },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [demo.stdout, demo.stderr]) stream.on('data', (chunk) => { output += chunk; });
  ended = once(demo, 'exit');
  await eventually(() => output.includes('curl http') || demo.exitCode !== null, Boolean, 'the demo', 30000);
  assert.equal(demo.exitCode, null, output);
  browser = await chromium.launch({ executablePath: process.env.PLEXUS_CHROMIUM || '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
    env: { ...process.env, HOME: folder } });
});
after(async () => {
  if (browser) await browser.close();
  demo.kill('SIGTERM');
  await within(ended, 20000, 'the end of the demo').finally(() => demo.kill('SIGKILL'));
  await remove(folder);
});

const pid_of = async (name) => Number(await readFile(join(folder, 'demo', `${name}.pid`), 'utf8'));

/// As the back end of the demo's curl line, with a key, again until it is answered.
async function say(number) {
  const body = { channel: 'chat:lobby', data: { text: `line ${number}` }, idempotency_key: `line ${number}` };
  await eventually(async () => {
    try {
      const answer = await fetch(`${http}/api/publish`, { method: 'POST', headers: { 'X-API-Key': api_key },
        body: JSON.stringify(body), signal: AbortSignal.timeout(3000) });
      return (await answer.json()).result;
    } catch { return null; }
  }, Boolean, `line ${number} is acknowledged`, 20000);
}

async function visit() {
  const page = await (await browser.newContext()).newPage();
  page.reconnects = -1;
  page.on('websocket', () => { page.reconnects += 1; });
  await page.goto(http + '/', { waitUntil: 'load' });
  await page.waitForSelector('#state[data-state=connected]');
  await page.waitForSelector('#members li.you');
  return page;
}

const lines = (page) => page.$$eval('#messages [data-text]', (all) => all.map((e) => e.dataset.text));

test('each node is killed once in front of two pages, and neither page misses a line', { timeout: 120000 }, async () => {
  const pages = await Promise.all([visit(), visit()]);
  let said = 0, talking = true;
  const speech = (async () => {
    while (talking) {
      await say(++said);
      await new Promise((done) => setTimeout(done, 60)); // the demo keeps 200 lines
    }
  })();
  for (const name of ['n1', 'n2']) {
    await eventually(() => said, (n) => n >= 10, 'some lines before', 10000);
    const before = said, pid = await pid_of(name);
    process.kill(pid, 'SIGKILL');
    await eventually(() => said, (n) => n >= before + 20, 'lines while it is gone', 30000);
    await eventually(() => pid_of(name), (now) => now !== pid && output.includes(`kill -9 ${now}`), 'it is back', 30000);
    for (const page of pages) await page.waitForSelector('#state[data-state=connected]');
  }
  talking = false;
  await speech;
  const all = range(1, said).map((n) => `line ${n}`).slice(-150);
  for (const page of pages) {
    await page.waitForSelector(`#messages [data-text="line ${said}"]`);
    assert.deepEqual((await lines(page)).slice(-all.length), all);
    assert.ok(page.reconnects >= 1, 'it was on one of the two');
    assert.equal(await page.$$eval('#messages [data-offset]', (list) => new Set(list.map((e) => e.dataset.offset)).size),
      (await lines(page)).length);
  }
});
