// http_stream and SSE in a browser, from pages of another origin than the node's: what `client.allowed_origins`
// lets through works, what it doesn't is refused.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { eventually, jwt, range, remove, secret, start_node } from './support.mjs';

const program = process.env.PLEXUS_CHROMIUM || '/usr/bin/chromium';
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const library = join(dirname(fileURLToPath(import.meta.url)), '../node_modules/centrifuge/dist/centrifuge.js');

/// A web server of an application: one page with the client library.
async function start_site() {
  const script = await readFile(library);
  const server = createServer((request, response) => {
    const is_script = request.url === '/centrifuge.js';
    response.writeHead(200, { 'Content-Type': is_script ? 'text/javascript' : 'text/html' });
    response.end(is_script ? script : '<!doctype html><link rel="icon" href="data:,"><script src="centrifuge.js"></script>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

/// In the page: a client whose events are kept in `window.seen`.
function begin({ http, transport, token, channel }) {
  const seen = { numbers: [], offsets: [], errors: [], states: [] };
  window.seen = seen;
  const client = new Centrifuge([{ transport, endpoint: `${http}/connection/${transport}` }],
    { emulationEndpoint: `${http}/emulation`, token, minReconnectDelay: 20, maxReconnectDelay: 100, timeout: 2000 });
  window.client = client;
  client.on('state', (ctx) => seen.states.push(ctx.newState));
  client.on('error', (ctx) => seen.errors.push(ctx.error.code));
  client.on('connected', (ctx) => { seen.transport = ctx.transport; });
  const sub = client.newSubscription(channel);
  window.sub = sub;
  sub.on('publication', (ctx) => { seen.numbers.push(ctx.data.n); seen.offsets.push(ctx.offset); });
  sub.on('subscribed', (ctx) => { seen.recovered = ctx.recovered; });
  sub.subscribe();
  client.connect();
}

describe('streams in a browser', { timeout: 60000 }, () => {
  let node, friend, stranger, browser, profile;
  let contexts = [];

  before(async () => {
    assert.ok(existsSync(program), `there is no browser at ${program}`);
    [friend, stranger] = await Promise.all([start_site(), start_site()]);
    assert.ok(secret);
    node = await start_node({
      node: { loops: 2 },
      client: { allowed_origins: [friend.origin] },
      channels: { namespaces: { room: { subscribe: 'user', publish: 'subscriber', presence: true, history_size: 100,
        history_ttl: '5m' } } },
    });
    profile = await mkdtemp(join(tmpdir(), 'plexus-chromium-'));
    browser = await chromium.launch({ executablePath: program, args: [...flags, `--disk-cache-dir=${profile}`],
      timeout: 20000, env: { ...process.env, HOME: profile } });
  });
  afterEach(async () => { for (const context of contexts.splice(0)) await context.close(); });
  after(async () => {
    if (browser) await browser.close();
    if (node) await node.stop();
    for (const site of [friend, stranger]) { site.server.closeAllConnections(); site.server.close(); }
    if (profile) await remove(profile);
  });

  async function visit(origin) {
    const context = await browser.newContext();
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(8000);
    page.said = [];
    page.on('console', (message) => page.said.push(message.text()));
    await page.goto(origin + '/', { waitUntil: 'load' });
    return page;
  }

  for (const transport of ['http_stream', 'sse']) {
    test(`${transport} from an allowed origin: a conversation, and its recovery`, async () => {
      const channel = `room:${transport}`;
      const page = await visit(friend.origin);
      const answers = [];
      page.on('response', (response) => answers.push([response.request().method(), new URL(response.url()).pathname,
        response.status()].join(' ')));
      await page.evaluate(begin, { http: node.http, transport, token: jwt({ sub: 'ann' }), channel });
      await page.waitForFunction(() => window.sub.state === 'subscribed');
      assert.equal(await page.evaluate(() => window.seen.transport), transport);
      for (const n of range(1, 5)) await page.evaluate((k) => window.sub.publish({ n: k }), n);
      assert.deepEqual(await page.evaluate(() => window.seen.numbers), range(1, 5));
      assert.deepEqual(await page.evaluate(async () => (await window.sub.history({ limit: 10 })).publications.length), 5);
      assert.deepEqual(await page.evaluate(async () =>
        Object.values((await window.sub.presence()).clients).map((c) => c.user)), ['ann']);
      assert.equal(await page.evaluate(() => window.client.rpc('nothing', {}).catch((e) => e.code)), 108);

      // The plug is pulled: the page's own end of the stream. What comes meanwhile is there afterwards.
      await page.evaluate(() => { window.sub_gone = new Promise((done) => window.sub.once('subscribing', done)); });
      await page.context().setOffline(true);
      await node.api('disconnect', { user: 'ann', disconnect: { code: 3000, reason: 'cut' } });
      await page.evaluate(() => window.sub_gone);
      await node.publish_numbers(channel, 6, 20);
      await page.context().setOffline(false);
      await page.waitForFunction(() => window.seen.numbers.length === 20);
      assert.equal(await page.evaluate(() => window.seen.recovered), true);
      assert.deepEqual(await page.evaluate(() => window.seen.offsets), range(1, 20));

      assert.ok(answers.some((a) => a === 'POST /emulation 204'), answers.join('\n'));
      await page.close();
      await eventually(() => node.api('presence_stats', { channel }), (s) => s.num_clients === 0, 'nobody left');
    });

    test(`${transport} from another origin is refused`, async () => {
      const page = await visit(stranger.origin);
      await page.evaluate(begin, { http: node.http, transport, token: jwt({ sub: 'eve' }), channel: 'room:a' });
      await page.waitForFunction(() => window.seen.errors.length >= 2);
      assert.ok(!(await page.evaluate(() => window.seen.states)).includes('connected'));
      assert.match(page.said.join('\n'), /CORS policy/);
      assert.equal((await node.api('info', {})).nodes[0].num_clients, 0);
    });
  }

  test('a page of an allowed origin can read why a request was refused, another one nothing', async () => {
    const ask = async (http) => {
      const body = JSON.stringify({ session: 's', node: 'gone', data: '{}' });
      const headers = { 'Content-Type': 'application/json' };
      const large = 'x'.repeat(200000);
      const out = [];
      for (const what of [body, large])
        out.push(await fetch(`${http}/emulation`, { method: 'POST', headers, body: what })
          .then(async (r) => [r.status, /\.$/.test((await r.text()).trim())], (e) => e.name));
      return out;
    };
    assert.deepEqual(await (await visit(friend.origin)).evaluate(ask, node.http), [[404, true], [413, true]]);
    assert.deepEqual(await (await visit(stranger.origin)).evaluate(ask, node.http), ['TypeError', 'TypeError']);
  });
});
