// Deltas with the official client: what it shows is what was published, also after its network was gone.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { collect, connected_client, disconnect_all, event, range, start_node, subscribed } from './support.mjs';

const settings = (loops) => ({
  node: { loops },
  channels: { namespaces: {
    log: { subscribe: 'user', publish: 'subscriber', delta: true, history_size: 500, history_ttl: '5m' },
    now: { subscribe: 'user', publish: 'subscriber', delta: true },
    off: { subscribe: 'user' },
  } },
});

/// Changes a little from one to the next; characters of one to four bytes.
const state = (n) => ({ n, name: `Zoë €uro ${'😀😁'.slice(2 * (n % 2), 2 * (n % 2) + 2)}`,
  rows: Array.from({ length: 40 }, (_, i) => [i, i === n % 40 ? n : i * 7919]) });
const states = (from, to) => range(from, to).map(state);
const data = (got) => got.map((p) => p.data);

for (const loops of [1, 2]) {
  describe(`deltas on ${loops} loop${loops > 1 ? 's' : ''}`, { timeout: 60000 }, () => {
    let node;
    before(async () => { node = await start_node(settings(loops)); });
    afterEach(disconnect_all);
    after(() => node.stop());

    const publish = async (channel, from, to) => {
      for (const n of range(from, to)) await node.api('publish', { channel, data: state(n) });
    };

    for (const channel of ['log:a', 'now:a']) {
      test(`everything but the first comes as a delta in ${channel}`, async () => {
        const client = await connected_client(node, 'ann');
        const sub = await subscribed(client, channel, { delta: 'fossil' });
        const plain = await subscribed(await connected_client(node, 'bob'), channel);
        const got = collect(sub);
        const usual = collect(plain);
        await publish(channel, 1, 50);
        await got.until(50);
        await usual.until(50);
        assert.deepEqual(data(got), states(1, 50));
        assert.deepEqual(data(usual), states(1, 50));
        const stats = sub.deltaStats();
        assert.equal(stats.numFullPayloads, 1);
        assert.equal(stats.numDeltaPayloads, 49);
        assert.ok(stats.compressionRatio > 0.7, JSON.stringify(stats));
      });
    }

    test('a lost connection is recovered from, and deltas go on', async () => {
      const client = await connected_client(node, 'ann');
      const sub = await subscribed(client, 'log:b', { delta: 'fossil' });
      const got = collect(sub);
      await publish('log:b', 1, 10);
      await got.until(10);
      const gone = event(sub, 'subscribing');
      client.net.drop();
      await gone;
      await publish('log:b', 11, 20);
      const back = event(sub, 'subscribed');
      client.net.up();
      assert.equal((await back).recovered, true);
      await publish('log:b', 21, 30);
      await got.until(30);
      assert.deepEqual(data(got), states(1, 30));
    });

    test('a client that publishes gets its own as the others do', async () => {
      const client = await connected_client(node, 'ann');
      const sub = await subscribed(client, 'now:b', { delta: 'fossil' });
      const got = collect(sub);
      for (const n of range(1, 20)) await sub.publish(state(n));
      await got.until(20);
      assert.deepEqual(data(got), states(1, 20));
    });

    test('where the channel has none, all comes whole', async () => {
      const sub = await subscribed(await connected_client(node, 'ann'), 'off:a', { delta: 'fossil' });
      const got = collect(sub);
      await publish('off:a', 1, 5);
      await got.until(5);
      assert.deepEqual(data(got), states(1, 5));
    });

    test('server-side history of such a channel is as it was published', async () => {
      const sub = await subscribed(await connected_client(node, 'ann'), 'log:c', { delta: 'fossil' });
      await publish('log:c', 1, 3);
      const page = await sub.history({ limit: 10 });
      assert.deepEqual(page.publications.map((p) => p.data), states(1, 3));
    });
  });
}
