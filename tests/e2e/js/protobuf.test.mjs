// The library's Protobuf build, in Node.js and in a browser, among clients in JSON.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Centrifuge as Protobuf } from 'centrifuge/build/protobuf';
import { chromium } from 'playwright-core';

import { collect, connect_client, connected_client, disconnect_all, event, eventually, jwt, range, remove,
  seconds_from_now, start_node, subscribed } from './support.mjs';

const program = process.env.PLEXUS_CHROMIUM || '/usr/bin/chromium';
const browser_build = join(dirname(fileURLToPath(import.meta.url)),
  '../node_modules/centrifuge/dist/centrifuge.protobuf.js');
const lasting = { history_size: 5000, history_ttl: '5m' };
const settings = (loops) => ({
  node: { loops },
  client: { max_recovered: 2000, expired_close_delay: '2s', ping_interval: '1s', pong_timeout: '500ms' },
  channels: { namespaces: {
    room: { subscribe: 'user', publish: 'subscriber', presence: true, join_leave: true, ...lasting },
    plain: { subscribe: 'user', publish: 'subscriber' },
    closed: { subscribe: 'token' },
  } },
});

const in_protobuf = (node, user, options = {}) => connected_client(node, user, { library: Protobuf, ...options });
const bytes = (value) => new TextEncoder().encode(JSON.stringify(value));
const value = (data) => JSON.parse(new TextDecoder().decode(data));
const any_bytes = Uint8Array.from({ length: 256 }, (_, i) => i);

for (const loops of [1, 2]) {
  describe(`Protobuf on ${loops} loop${loops > 1 ? 's' : ''}`, { timeout: 60000 }, () => {
    let node;
    before(async () => { node = await start_node(settings(loops)); });
    afterEach(disconnect_all);
    after(() => node.stop());

    test('clients in JSON and in Protobuf talk to each other', async () => {
      const ann = await connected_client(node, 'ann', { claims: { info: { name: 'Ann' } } });
      const bob = await in_protobuf(node, 'bob', { claims: { info: { name: 'Bob' } } });
      const [from, to] = [await subscribed(ann, 'room:a'), await subscribed(bob, 'room:a')];
      const [to_ann, to_bob] = [collect(from), collect(to)];
      const data = { text: 'grüße 🌍', list: [1, 2.5, null, true] };
      await from.publish(data);
      await to.publish(bytes(data));
      await Promise.all([to_ann.until(2), to_bob.until(2)]);
      assert.deepEqual(to_ann.map((p) => [p.data, p.offset, p.info.user, p.info.connInfo.name]),
        [[data, 1, 'ann', 'Ann'], [data, 2, 'bob', 'Bob']]);
      assert.deepEqual(to_bob.map((p) => [value(p.data), p.offset, p.info.user, value(p.info.connInfo).name]),
        [[data, 1, 'ann', 'Ann'], [data, 2, 'bob', 'Bob']]);
    });

    test('bytes that are no JSON come untouched, and as base64 to clients in JSON', async () => {
      const ann = await connected_client(node, 'ann');
      const bob = await in_protobuf(node, 'bob');
      const [a, b] = [await subscribed(ann, 'room:bytes'), await subscribed(bob, 'room:bytes')];
      const [to_ann, to_bob] = [collect(a), collect(b)];
      await b.publish(any_bytes);
      await a.publish('behind it');
      await Promise.all([to_ann.until(2), to_bob.until(2)]);
      assert.deepEqual([...to_bob[0].data], [...any_bytes]);
      assert.deepEqual(to_ann.map((p) => p.data), [Buffer.from(any_bytes).toString('base64'), 'behind it']);
    });

    test('history, presence, joins and leaves', async () => {
      const ann = await in_protobuf(node, 'ann', { claims: { info: { n: 1 } } });
      const sub = ann.newSubscription('room:all', { joinLeave: true });
      const joins = collect(sub, 'join');
      const done = event(sub, 'subscribed');
      sub.subscribe();
      await done;
      const bob = await connected_client(node, 'bob');
      await subscribed(bob, 'room:all');
      await joins.until(2);
      assert.deepEqual(joins.map((j) => j.info.user), ['ann', 'bob']);
      await node.publish_numbers('room:all', 1, 5);
      const page = await sub.history({ limit: 2, since: { offset: 1, epoch: (await sub.history()).epoch } });
      assert.deepEqual(page.publications.map((p) => [p.offset, value(p.data).n]), [[2, 2], [3, 3]]);
      assert.equal(page.offset, 5);
      const back = await sub.history({ limit: -1, reverse: true });
      assert.deepEqual(back.publications.map((p) => value(p.data).n), [5, 4, 3, 2, 1]);
      const { clients } = await sub.presence();
      assert.deepEqual(Object.keys(clients).sort(), [ann.id, bob.id].sort());
      assert.deepEqual(value(clients[ann.id].connInfo), { n: 1 });
      assert.deepEqual(await sub.presenceStats(), { numClients: 2, numUsers: 2 });
      const left = event(sub, 'leave');
      bob.disconnect();
      assert.equal((await left).info.user, 'bob');
    });

    test('1,000 missed publications are recovered', async () => {
      const client = await in_protobuf(node, 'ann');
      const sub = await subscribed(client, 'room:thousand');
      const got = collect(sub);
      await node.publish_numbers('room:thousand', 1, 1);
      await got.until(1);
      const gone = event(sub, 'subscribing');
      client.net.drop();
      await gone;
      await node.publish_numbers('room:thousand', 2, 1001);
      const again = event(sub, 'subscribed');
      client.net.up();
      const ctx = await again;
      assert.deepEqual([ctx.wasRecovering, ctx.recovered], [true, true]);
      await got.until(1001);
      await node.publish_numbers('room:thousand', 1002, 1002);
      await got.until(1002);
      assert.deepEqual(got.map((p) => [p.offset, value(p.data).n]), range(1, 1002).map((n) => [n, n]));
    });

    test('tokens are renewed while connected, the subscription\'s too', async () => {
      let asked = 0, asked_for_channel = 0;
      const client = await in_protobuf(node, 'ann', {
        getToken: async () => { asked += 1; return jwt({ sub: 'ann', exp: seconds_from_now(2) }); },
      });
      let lost = 0;
      client.on('connecting', () => { lost += 1; });
      const sub = await subscribed(client, 'closed:a', { getToken: async ({ channel }) => {
        asked_for_channel += 1;
        return jwt({ sub: 'ann', channel, exp: seconds_from_now(2) });
      } });
      sub.on('subscribing', () => { lost += 1; });
      const got = collect(sub);
      await eventually(() => [asked, asked_for_channel], (times) => Math.min(...times) >= 3,
        'two renewals of both', 10000);
      await node.publish_numbers('closed:a', 1, 1);
      await got.until(1);
      assert.equal(lost, 0);
    });

    test('the back end reaches it: subscribe, unsubscribe, disconnect; a bad token is final', async () => {
      const client = await in_protobuf(node, 'ann');
      const subscribed_by_it = event(client, 'subscribed');
      await node.api('subscribe', { user: 'ann', channel: 'plain:a', data: { why: 'invited' } });
      assert.deepEqual(value((await subscribed_by_it).data), { why: 'invited' });
      const pub = event(client, 'publication');
      await node.api('publish', { channel: 'plain:a', b64data: Buffer.from(any_bytes).toString('base64') });
      assert.deepEqual([...(await pub).data], [...any_bytes]);
      const out = event(client, 'unsubscribed');
      await node.api('unsubscribe', { user: 'ann', channel: 'plain:a' });
      assert.equal((await out).channel, 'plain:a');
      const gone = event(client, 'disconnected');
      await node.api('disconnect', { user: 'ann', disconnect: { code: 4501, reason: 'gone for good' } });
      const { code, reason } = await gone;
      assert.deepEqual({ code, reason }, { code: 4501, reason: 'gone for good' });

      const bad = connect_client(node, 'ann', { library: Protobuf, getToken: async () => 'nonsense' });
      const refused = event(bad, 'disconnected');
      bad.connect();
      assert.equal((await refused).code, 3500);
    });
  });
}

describe('Protobuf in a browser', { timeout: 60000 }, () => {
  let node, browser, profile;
  before(async () => {
    assert.ok(existsSync(program), `there is no browser at ${program}`);
    node = await start_node(settings(1));
    profile = await mkdtemp(join(tmpdir(), 'plexus-chromium-'));
    browser = await chromium.launch({ executablePath: program, timeout: 20000,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync',
        `--disk-cache-dir=${profile}`], env: { ...process.env, HOME: profile } });
  });
  afterEach(disconnect_all);
  after(async () => {
    if (browser) await browser.close();
    if (node) await node.stop();
    if (profile) await remove(profile);
  });

  test('a page publishes and receives bytes, and recovers what it missed', async () => {
    const page = await browser.newPage();
    page.setDefaultTimeout(10000);
    const faults = [];
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(`${node.http}/health/live`); // any page of the node's own origin
    await page.addScriptTag({ path: browser_build });
    await page.evaluate(async ({ url, token }) => {
      window.seen = [];
      window.states = [];
      window.client = new window.Centrifuge(url, { token, minReconnectDelay: 20, maxReconnectDelay: 100 });
      window.sub = window.client.newSubscription('room:page');
      window.sub.on('publication', (p) => window.seen.push({ offset: p.offset, data: [...p.data] }));
      const done = new Promise((next) => {
        window.sub.on('subscribed', (ctx) => { window.states.push([ctx.wasRecovering, ctx.recovered]); next(); });
      });
      window.sub.subscribe();
      window.client.connect();
      await done;
      await window.sub.publish(Uint8Array.from([0, 255, 10, 13]));
    }, { url: node.ws, token: jwt({ sub: 'page' }) });
    const ann = await connected_client(node, 'ann');
    const sub = await subscribed(ann, 'room:page');
    await sub.publish({ n: 2 });
    await page.waitForFunction(() => window.seen.length === 2);

    await page.context().setOffline(true);
    await page.evaluate(() => window.client.disconnect());
    for (const n of [3, 4, 5]) await sub.publish({ n });
    await page.context().setOffline(false);
    await page.evaluate(() => window.client.connect());
    await page.waitForFunction(() => window.seen.length === 5);
    const seen = await page.evaluate(() => window.seen);
    assert.deepEqual(seen.map((p) => p.offset), [1, 2, 3, 4, 5]);
    assert.deepEqual(seen[0].data, [0, 255, 10, 13]);
    assert.deepEqual(seen.slice(1).map((p) => value(Uint8Array.from(p.data)).n), [2, 3, 4, 5]);
    assert.deepEqual(await page.evaluate(() => window.states), [[false, false], [true, true]]);
    assert.deepEqual(faults, []);
  });
});
