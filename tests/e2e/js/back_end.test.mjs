// What a back end does to its clients: subscriptions it gives and takes, disconnects, renewals; and a node that
// stops.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { collect, connect_client, connected_client, disconnect_all, event, eventually, jwt, range, raw_socket,
  seconds_from_now, start_node, subscribed } from './support.mjs';

const settings = (loops) => ({
  node: { loops },
  client: { expired_close_delay: '1s' },
  channels: { namespaces: {
    room: { subscribe: 'user', publish: 'subscriber', presence: true, join_leave: true, history_size: 100,
      history_ttl: '5m' },
    given: { subscribe: 'token', presence: true },
  } },
});

for (const loops of [1, 2]) {
  describe(`the back end, ${loops} loop${loops > 1 ? 's' : ''}`, { timeout: 60000 }, () => {
    let node;
    before(async () => { node = await start_node(settings(loops)); });
    afterEach(disconnect_all);
    after(() => node.stop());

    test('the channels of the token are subscribed at connect', async () => {
      const client = connect_client(node, 'ann', { claims: {
        channels: ['given:a'], subs: { 'given:b': { info: { seat: 4 }, data: { hello: 'ann' } } } } });
      const seen = collect(client, 'subscribed');
      const got = collect(client);
      client.connect();
      await seen.until(2);
      assert.deepEqual(seen.map((ctx) => ctx.channel).sort(), ['given:a', 'given:b']);
      assert.deepEqual(seen.find((ctx) => ctx.channel === 'given:b').data, { hello: 'ann' });
      for (const channel of ['given:a', 'given:b']) await node.api('publish', { channel, data: channel });
      await got.until(2);
      assert.deepEqual(got.map((p) => [p.channel, p.data]), [['given:a', 'given:a'], ['given:b', 'given:b']]);
      const { presence } = await node.api('presence', { channel: 'given:b' });
      assert.deepEqual(Object.values(presence).map((m) => [m.user, m.chan_info]), [['ann', { seat: 4 }]]);
      client.disconnect();
      await eventually(() => node.api('presence_stats', { channel: 'given:a' }),
        (s) => s.num_clients === 0, 'nobody');
    });

    test('subscribe: the client has the channel from then on; unsubscribe: no more', async () => {
      const [client, other] = [await connected_client(node, 'bob'), await connected_client(node, 'eve')];
      const got = collect(client);
      const not_for_eve = collect(other);
      const seen = event(client, 'subscribed');
      await node.api('subscribe', { user: 'bob', channel: 'given:later' });
      assert.equal((await seen).channel, 'given:later');
      await node.api('publish', { channel: 'given:later', data: 1 });
      await got.until(1);
      const gone = event(client, 'unsubscribed');
      await node.api('unsubscribe', { user: 'bob', channel: 'given:later' });
      assert.equal((await gone).channel, 'given:later');
      await node.api('publish', { channel: 'given:later', data: 2 });
      const sub = await subscribed(client, 'room:after'); // behind whatever was still to come
      await sub.presence();
      assert.deepEqual(got.map((p) => p.data), [1]);
      assert.equal(not_for_eve.length, 0);
    });

    test('unsubscribe ends a client\'s own subscription with 2000, and only that', async () => {
      const client = await connected_client(node, 'ann');
      const [sub, stays] = [await subscribed(client, 'room:x'), await subscribed(client, 'room:y')];
      const gone = event(sub, 'unsubscribed');
      await node.api('unsubscribe', { user: 'ann', channel: 'room:x' });
      assert.equal((await gone).code, 2000);
      assert.equal(stays.state, 'subscribed');
      assert.equal(client.state, 'connected');
      assert.deepEqual((await node.api('presence', { channel: 'room:x' })).presence, {});
      const back = event(sub, 'subscribed');
      sub.subscribe();
      await back;
    });

    test('disconnect ends all connections of the user for good: 3503', async () => {
      const mine = [await connected_client(node, 'ann'), await connected_client(node, 'ann')];
      const other = await connected_client(node, 'bob');
      const gone = mine.map((client) => event(client, 'disconnected'));
      await node.api('disconnect', { user: 'ann' });
      for (const each of gone) assert.equal((await each).code, 3503);
      assert.equal(other.state, 'connected');
      await subscribed(other, 'room:still');
    });

    test('disconnect of one client, and with a code after which it returns', async () => {
      const [one, two] = [await connected_client(node, 'ann'), await connected_client(node, 'ann')];
      const lost = event(one, 'connecting');
      const back = event(one, 'connected');
      await node.api('disconnect',
        { user: 'ann', client: one.id, disconnect: { code: 4100, reason: 'move over' } });
      assert.deepEqual(await lost, { code: 4100, reason: 'move over' });
      assert.notEqual((await back).client, one.id);
      assert.equal(two.state, 'connected');
    });

    test('refresh with expired closes with 3005; the client, whose token is still good, returns', async () => {
      const client = await connected_client(node, 'ann');
      const lost = event(client, 'connecting');
      const back = event(client, 'connected');
      await node.api('refresh', { user: 'ann', expired: true });
      assert.equal((await lost).code, 3005);
      assert.notEqual((await back).client, client.id);
    });

    test('refresh with a time: the client is told, and closed with 3005 unless it renews', async () => {
      const [idle, renewing] = [await raw_socket(node), await raw_socket(node)];
      for (const raw of [idle, renewing]) {
        raw.say({ id: 1, connect: { token: jwt({ sub: 'carol', exp: seconds_from_now(600) }) } });
        await raw.reply(1);
      }
      await node.api('refresh', { user: 'carol', expire_at: seconds_from_now(2) });
      for (const raw of [idle, renewing]) {
        const { refresh } = (await raw.message((m) => m.push?.refresh)).push;
        assert.equal(refresh.expires, true);
        assert.ok(refresh.ttl >= 1 && refresh.ttl <= 2, `ttl ${refresh.ttl}`);
      }
      renewing.say({ id: 2, refresh: { token: jwt({ sub: 'carol', exp: seconds_from_now(600) }) } });
      assert.ok((await renewing.reply(2)).refresh.ttl > 500);
      assert.equal((await idle.closed(6000)).code, 3005);
      renewing.say({ id: 3, rpc: { method: 'x', data: {} } });
      assert.equal((await renewing.reply(3)).error.code, 108); // still served
      renewing.socket.close();
    });

    test('what is done to users who are not there is a success', async () => {
      for (const [method, more] of [['subscribe', { channel: 'room:a' }], ['unsubscribe', { channel: 'room:a' }],
        ['disconnect', {}], ['refresh', {}]]) await node.api(method, { user: 'nobody-here', ...more });
    });

    test('broadcast reaches each channel; a batch answers each command in its place', async () => {
      const client = await connected_client(node, 'ann');
      const got = [collect(await subscribed(client, 'room:b1')), collect(await subscribed(client, 'room:b2'))];
      const channels = ['room:b1', 'nowhere:b', 'room:b2'];
      const { responses } = await node.api('broadcast', { channels, data: 'all' });
      assert.deepEqual(responses.map((r) => r.error?.code ?? r.result.offset), [1, 102, 1]);
      for (const g of got) { await g.until(1); assert.equal(g[0].data, 'all'); }
      const answer = await node.api_raw('batch', { commands: [
        { publish: { channel: 'room:b1', data: 2 } }, { publish: { channel: 'nowhere:b', data: 2 } },
        { presence_stats: { channel: 'room:b1' } }] });
      assert.equal(answer.replies[0].publish.offset, 2);
      assert.equal(answer.replies[1].error.code, 102);
      assert.deepEqual(answer.replies[2].presence_stats, { num_clients: 1, num_users: 1 });
    });

    test('channels and info count what is there', async () => {
      const clients = await Promise.all(range(1, 3).map((n) => connected_client(node, `u${n}`)));
      for (const client of clients) await subscribed(client, 'room:counted');
      const { channels } = await node.api('channels', { pattern: 'room:count*' });
      assert.deepEqual(channels, { 'room:counted': { num_clients: 3 } });
      const { nodes } = await node.api('info', {});
      assert.equal(nodes.length, 1);
      assert.equal(nodes[0].num_clients, 3);
    });
  });
}

describe('a node that stops', { timeout: 30000 }, () => {
  test('its clients are told to connect elsewhere (3001), and it exits with 0 in the drain window', async () => {
    const node = await start_node({ node: { drain_timeout: '2s' },
      channels: { namespaces: { room: { subscribe: 'user', presence: true } } } });
    const clients = await Promise.all(range(1, 20).map((n) => connected_client(node, `u${n}`)));
    await Promise.all(clients.map((client) => subscribed(client, 'room:a')));
    const told = clients.map((client) => event(client, 'connecting'));
    const began = Date.now();
    await node.stop();
    for (const each of told) assert.equal((await each).code, 3001);
    assert.ok(Date.now() - began < 4000, `${Date.now() - began} ms`);
    disconnect_all();
  });
});
