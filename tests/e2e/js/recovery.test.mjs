// A client whose network goes and comes back: nothing lost, nothing twice, in order; and when that can't be, it is
// said.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { collect, connected_client, disconnect_all, event, range, start_node, subscribed } from './support.mjs';

const settings = (loops) => ({
  node: { loops },
  client: { max_recovered: 2000 },
  channels: { namespaces: {
    log: { subscribe: 'user', publish: 'subscriber', history_size: 5000, history_ttl: '5m' },
    short: { subscribe: 'user', history_size: 10, history_ttl: '5m' },
    asked: { subscribe: 'user', history_size: 100, history_ttl: '5m', recover: 'asked' },
    never: { subscribe: 'user', history_size: 100, history_ttl: '5m', recover: false },
  } },
});
const numbers = (got) => got.map((p) => p.data.n);

/// Cuts the network while `meanwhile` runs; returns the context of the subscription's return.
async function away(client, sub, meanwhile) {
  const gone = event(sub, 'subscribing');
  client.net.drop();
  await gone;
  await meanwhile();
  const back = event(sub, 'subscribed');
  client.net.up();
  return back;
}

for (const loops of [1, 2]) {
  describe(`recovery on ${loops} loop${loops > 1 ? 's' : ''}`, { timeout: 60000 }, () => {
    let node;
    before(async () => { node = await start_node(settings(loops)); });
    afterEach(disconnect_all);
    after(() => node.stop());

    test('what was published while the socket was gone arrives once, in order', async () => {
      const client = await connected_client(node, 'ann');
      const sub = await subscribed(client, 'log:a');
      const got = collect(sub);
      await node.publish_numbers('log:a', 1, 5);
      await got.until(5);
      const ctx = await away(client, sub, () => node.publish_numbers('log:a', 6, 50));
      assert.equal(ctx.wasRecovering, true);
      assert.equal(ctx.recovered, true);
      assert.equal(ctx.hasRecoveredPublications, true);
      await node.publish_numbers('log:a', 51, 55);
      await got.until(55);
      assert.deepEqual(numbers(got), range(1, 55));
      assert.deepEqual(got.map((p) => p.offset), range(1, 55));
    });

    test('nothing missed is a recovery too, without a publication', async () => {
      const client = await connected_client(node, 'ann');
      const sub = await subscribed(client, 'log:quiet');
      const got = collect(sub);
      const ctx = await away(client, sub, async () => {});
      assert.deepEqual([ctx.wasRecovering, ctx.recovered, ctx.hasRecoveredPublications], [true, true, false]);
      await node.publish_numbers('log:quiet', 1, 2);
      await got.until(2);
      assert.deepEqual(numbers(got), [1, 2]);
    });

    test('1,000 missed publications are recovered', async () => {
      const client = await connected_client(node, 'ann');
      const sub = await subscribed(client, 'log:thousand');
      const got = collect(sub);
      await node.publish_numbers('log:thousand', 1, 1);
      await got.until(1);
      const ctx = await away(client, sub, () => node.publish_numbers('log:thousand', 2, 1001));
      assert.equal(ctx.recovered, true);
      await got.until(1001);
      await node.publish_numbers('log:thousand', 1002, 1002);
      await got.until(1002);
      assert.deepEqual(numbers(got), range(1, 1002));
    });

    test('more than max_recovered is not recovered, and none of it is sent', async () => {
      const client = await connected_client(node, 'ann');
      const sub = await subscribed(client, 'log:many');
      const got = collect(sub);
      const ctx = await away(client, sub, () => node.publish_numbers('log:many', 1, 2001));
      assert.deepEqual([ctx.wasRecovering, ctx.recovered, ctx.streamPosition.offset], [true, false, 2001]);
      await node.publish_numbers('log:many', 2002, 2002);
      await got.until(1);
      assert.deepEqual(numbers(got), [2002]);
    });

    test('a history too small is said so: recovered false, the top as position, nothing of the past', async () => {
      const client = await connected_client(node, 'ann');
      const sub = await subscribed(client, 'short:a');
      const got = collect(sub);
      await node.publish_numbers('short:a', 1, 3);
      await got.until(3);
      const within_size = await away(client, sub, () => node.publish_numbers('short:a', 4, 13));
      assert.equal(within_size.recovered, true); // exactly what the history holds
      await got.until(13);
      const ctx = await away(client, sub, () => node.publish_numbers('short:a', 14, 24));
      assert.equal(ctx.wasRecovering, true);
      assert.equal(ctx.recovered, false);
      assert.equal(ctx.streamPosition.offset, 24);
      await node.publish_numbers('short:a', 25, 25);
      await got.until(14);
      assert.deepEqual(numbers(got), [...range(1, 13), 25]);
      const again = await away(client, sub, () => node.publish_numbers('short:a', 26, 27));
      assert.equal(again.recovered, true); // from the new position on
      await got.until(16);
      assert.deepEqual(numbers(got).slice(-3), [25, 26, 27]);
    });

    test('a removed history is not recovered from', async () => {
      const client = await connected_client(node, 'ann');
      const sub = await subscribed(client, 'log:removed');
      const ctx = await away(client, sub, async () => {
        await node.publish_numbers('log:removed', 1, 5);
        await node.api('history_remove', { channel: 'log:removed' });
      });
      assert.deepEqual([ctx.wasRecovering, ctx.recovered], [true, false]);
    });

    test('a position of the application\'s own: from it on; of another epoch: not recovered', async () => {
      await node.publish_numbers('log:since', 1, 9);
      const { epoch } = await node.api('history', { channel: 'log:since', limit: 0 });
      const client = await connected_client(node, 'ann');
      const sub = client.newSubscription('log:since', { since: { offset: 4, epoch } });
      const got = collect(sub);
      sub.subscribe();
      await got.until(5);
      assert.deepEqual(numbers(got), range(5, 9));

      const other = await connected_client(node, 'bob');
      const late = await subscribed(other, 'log:since', { since: { offset: 4, epoch: 'another' } });
      assert.deepEqual([late.first.wasRecovering, late.first.recovered], [true, false]);
      const third = await connected_client(node, 'eve');
      const beyond = await subscribed(third, 'log:since', { since: { offset: 40, epoch } });
      assert.equal(beyond.first.recovered, false);
    });

    test('recovery is for who asks where the namespace says so, and for nobody where it is off', async () => {
      const client = await connected_client(node, 'ann');
      const asked = await subscribed(client, 'asked:a', { recoverable: true });
      assert.equal(asked.first.recoverable, true);
      assert.equal((await away(client, asked, () => node.publish_numbers('asked:a', 1, 3))).recovered, true);
      const other = await connected_client(node, 'bob');
      assert.equal((await subscribed(other, 'asked:a')).first.recoverable, false);
      assert.equal((await subscribed(other, 'never:a', { recoverable: true })).first.recoverable, false);
    });

    test('unsubscribed for a while: subscribing again recovers what came meanwhile', async () => {
      const client = await connected_client(node, 'ann');
      const sub = await subscribed(client, 'log:pause');
      const got = collect(sub);
      await node.publish_numbers('log:pause', 1, 2);
      await got.until(2);
      sub.unsubscribe();
      await node.publish_numbers('log:pause', 3, 6);
      const back = event(sub, 'subscribed');
      sub.subscribe();
      assert.equal((await back).recovered, true);
      await got.until(6);
      assert.deepEqual(numbers(got), range(1, 6));
    });

    test('the seam: sockets cut again and again under a stream of publications lose nothing', async () => {
      const total = 3000;
      const clients = await Promise.all(range(1, 4).map((n) => connected_client(node, `user${n}`)));
      const subs = await Promise.all(clients.map((c) => subscribed(c, 'log:seam')));
      const got = subs.map((sub) => collect(sub));
      const failed = [];
      let cuts = 0;
      subs.forEach((sub, i) => {
        sub.on('subscribed', (ctx) => { if (!ctx.recovered) failed.push(ctx); });
        let next = 60 + 17 * i;
        sub.on('publication', () => {
          if (got[i].length < next || cuts >= 60) return;
          next += 150;
          cuts += 1;
          clients[i].net.cut();
        });
      });
      const publisher = await connected_client(node, 'publisher');
      const through = await subscribed(publisher, 'log:seam');
      const window = [];
      for (let n = 1; n <= total; ++n) {
        window.push(through.publish({ n }));
        if (window.length >= 20) await window.shift();
      }
      await Promise.all(window);
      await Promise.all(got.map((g) => g.until(total)));
      assert.deepEqual(failed, []);
      assert.ok(cuts >= 20, `only ${cuts} cuts`);
      for (const g of got) assert.deepEqual(numbers(g), range(1, total));
    });

    test('subscriptions of the token recover as well', async () => {
      const client = await connected_client(node, 'ann', { claims: { channels: ['log:server'] } });
      const got = collect(client);
      await node.publish_numbers('log:server', 1, 3);
      await got.until(3);
      const gone = event(client, 'connecting');
      client.net.drop();
      await gone;
      await node.publish_numbers('log:server', 4, 40);
      const back = event(client, 'subscribed');
      client.net.up();
      const ctx = await back;
      assert.deepEqual([ctx.channel, ctx.wasRecovering, ctx.recovered], ['log:server', true, true]);
      await got.until(40);
      await node.publish_numbers('log:server', 41, 41);
      await got.until(41);
      assert.deepEqual(numbers(got), range(1, 41));
    });
  });
}
