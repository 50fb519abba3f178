// The official client where WebSockets are blocked: http_stream and SSE, with emulation for what it sends. Between
// client and node stands a network that can be cut.
import assert from 'node:assert/strict';
import { createServer, connect as dial } from 'node:net';
import { once } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';
import { ReadableStream } from 'node:stream/web';

import { Centrifuge } from 'centrifuge';
import { Centrifuge as Protobuf } from 'centrifuge/build/protobuf';
import { EventSource } from 'eventsource';

import { collect, connected_client, disconnect_all, event, eventually, jwt, range, seconds_from_now, start_node,
  subscribed, within } from './support.mjs';

const settings = (loops) => ({
  node: { loops },
  client: { ping_interval: '1s', pong_timeout: '1s', expired_close_delay: '3s' },
  channels: { namespaces: {
    room: { subscribe: 'user', publish: 'subscriber', presence: true, join_leave: true, history_size: 1000,
      history_ttl: '5m' },
    plain: { subscribe: 'user', publish: 'subscriber' },
  } },
});

/// A way to the node: `down()` ends every connection and lets no new one through.
async function start_network(node) {
  const port_of = (one) => Number(new URL(one.http).port);
  let target = port_of(node);
  const sockets = new Set();
  let up = true;
  const server = createServer((near) => {
    if (!up) { near.destroy(); return; }
    const far = dial(target, '127.0.0.1');
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => {});
      one.on('close', () => { sockets.delete(one); other.destroy(); });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    http: `http://127.0.0.1:${server.address().port}`,
    down() { up = false; for (const socket of sockets) socket.destroy(); },
    up() { up = true; },
    leads_to(other) { target = port_of(other); },
    async stop() { this.down(); server.close(); await once(server, 'close'); },
  };
}

const made = new Set();

function stream_client(network, transport, user, options = {}) {
  const { claims, library = Centrifuge, ...rest } = options;
  const client = new library([{ transport, endpoint: `${network.http}/connection/${transport}` }], {
    emulationEndpoint: `${network.http}/emulation`,
    fetch, readableStream: ReadableStream, eventsource: EventSource,
    minReconnectDelay: 20, maxReconnectDelay: 100,
    getToken: async () => jwt({ sub: user, exp: seconds_from_now(600), ...claims }),
    ...rest,
  });
  made.add(client);
  return client;
}

async function connected(network, transport, user, options) {
  const client = stream_client(network, transport, user, options);
  const done = event(client, 'connected');
  client.connect();
  const ctx = await done;
  assert.equal(ctx.transport, transport);
  client.id = ctx.client;
  return client;
}

for (const loops of [1, 2])
  for (const transport of ['http_stream', 'sse'])
    describe(`${transport} on ${loops} loop${loops > 1 ? 's' : ''}`, { timeout: 60000 }, () => {
      let node, network;
      before(async () => { node = await start_node(settings(loops)); network = await start_network(node); });
      afterEach(async () => {
        for (const client of made) client.disconnect();
        made.clear();
        disconnect_all();
        await eventually(() => node.api('info', {}), (info) => info.nodes[0].num_clients === 0, 'no client left');
      });
      after(async () => { await network.stop(); await node.stop(); });

      test('a conversation with a client on a WebSocket', async () => {
        const ann = await connected(network, transport, 'ann', { claims: { info: { name: 'Ann' } } });
        const bob = await connected_client(node, 'bob');
        const here = await subscribed(ann, 'room:a');
        const there = await subscribed(bob, 'room:a');
        const [at_ann, at_bob] = [collect(here), collect(there)];
        for (const n of range(1, 20)) await (n % 2 ? here : there).publish({ n, text: 'ä\n"' });
        await Promise.all([at_ann.until(20), at_bob.until(20)]);
        assert.deepEqual(at_ann.map((p) => p.data.n), range(1, 20));
        assert.deepEqual(at_ann.map((p) => p.offset), range(1, 20));
        assert.deepEqual(at_bob.map((p) => p.data), at_ann.map((p) => p.data));
        const { publications, offset } = await here.history({ limit: 3, reverse: true });
        assert.deepEqual([publications.map((p) => p.data.n), offset], [[20, 19, 18], 20]);
        const { clients } = await there.presence();
        assert.deepEqual(Object.keys(clients).sort(), [ann.id, bob.id].sort());
        assert.deepEqual(clients[ann.id].connInfo, { name: 'Ann' });
        assert.deepEqual(await here.presenceStats(), { numClients: 2, numUsers: 2 });
        await assert.rejects(ann.rpc('nothing', {}), (error) => error.code === 108);
        const update = { channel: 'room:a', state: { typing: true } };
        const seen = event(there, 'join', { accept: (ctx) => ctx.info.client === ann.id });
        await ann.rpc('plexus.presence.update', update);
        assert.deepEqual((await seen).info.chanInfo, { typing: true });
        const left = event(there, 'leave');
        ann.disconnect();
        assert.equal((await left).info.client, ann.id);
      });

      test('it stays, answering pings, and messages of 60 kB pass both ways', async () => {
        const client = await connected(network, transport, 'ann');
        const sub = await subscribed(client, 'plain:a');
        let gone = false;
        client.on('connecting', () => { gone = true; });
        const got = collect(sub);
        const pinged = eventually(async () => { await client.rpc('x', {}).catch(() => {}); return Date.now(); },
          ((end) => (now) => now > end)(Date.now() + 2500), 'two pings', 5000);
        const text = '"x'.repeat(15000);
        await sub.publish({ text });
        await got.until(1);
        assert.equal(got[0].data.text, text);
        await pinged;
        assert.equal(gone, false);
      });

      test('what was published while the network was gone arrives once, in order', async () => {
        const client = await connected(network, transport, 'ann');
        const sub = await subscribed(client, 'room:b');
        const got = collect(sub);
        await node.publish_numbers('room:b', 1, 5);
        await got.until(5);
        for (const round of [1, 2]) {
          const gone = event(sub, 'subscribing');
          network.down();
          await gone;
          const from = got.length + 1;
          await node.publish_numbers('room:b', from, from + 49);
          const back = event(sub, 'subscribed');
          network.up();
          const ctx = await back;
          assert.deepEqual([ctx.wasRecovering, ctx.recovered], [true, true], `round ${round}`);
          await node.publish_numbers('room:b', from + 50, from + 54);
          await got.until(from + 54);
        }
        assert.deepEqual(got.map((p) => p.data.n), range(1, got.length));
        assert.deepEqual(got.map((p) => p.offset), range(1, got.length));
      });

      test('many subscriptions at once, each exactly once in presence', async () => {
        const client = await connected(network, transport, 'ann');
        const names = range(1, 50).map((n) => `room:many ${n}`);
        await Promise.all(names.map((name) => subscribed(client, name)));
        for (const channel of names)
          assert.equal((await node.api('presence_stats', { channel })).num_clients, 1);
        client.disconnect();
        for (const channel of names)
          await eventually(() => node.api('presence_stats', { channel }), (s) => s.num_clients === 0, 'nobody left');
      });

      test('subscriptions of the token come with the connection', async () => {
        const client = stream_client(network, transport, 'ann', { claims: { channels: ['room:c', 'plain:c'] } });
        const got = collect(client);
        const both = Promise.all(['room:c', 'plain:c'].map((channel) =>
          event(client, 'subscribed', { accept: (ctx) => ctx.channel === channel })));
        client.connect();
        await both;
        await node.api('broadcast', { channels: ['room:c', 'plain:c'], data: 1 });
        await got.until(2);
        assert.deepEqual(got.map((p) => p.channel).sort(), ['plain:c', 'room:c']);
      });

      test('a bad token is final: 3500', async () => {
        const client = stream_client(network, transport, 'ann', { getToken: async () => jwt({ sub: 'a' }, 'another') });
        const gone = event(client, 'disconnected');
        client.connect();
        assert.equal((await gone).code, 3500);
      });

      test('an expired token is renewed while connected', async () => {
        let asked = 0;
        const client = await connected(network, transport, 'ann',
          { getToken: async () => { asked += 1; return jwt({ sub: 'ann', exp: seconds_from_now(2) }); } });
        let gone = false;
        client.on('connecting', () => { gone = true; });
        await eventually(() => asked, (n) => n >= 3, 'two renewals', 10000);
        assert.equal(gone, false);
      });

      test('the back end ends it, for good or for another try', async () => {
        const client = await connected(network, transport, 'ann');
        const again = event(client, 'connected');
        await node.api('disconnect', { user: 'ann', disconnect: { code: 4000, reason: 'elsewhere' } });
        await again;
        const gone = event(client, 'disconnected');
        await node.api('disconnect', { user: 'ann', disconnect: { code: 4500, reason: 'enough' } });
        const { code, reason } = await gone;
        assert.deepEqual([code, reason], [4500, 'enough']);
      });

      test('a message that is too large fails alone', async () => {
        const client = await connected(network, transport, 'ann', { timeout: 500 });
        const sub = await subscribed(client, 'plain:a');
        await assert.rejects(sub.publish('x'.repeat(70000)));
        await eventually(() => client.state, (state) => state === 'connected', 'a connected client');
        await client.ready(5000);
        await sub.ready(5000);
        const got = collect(sub);
        await sub.publish('small');
        await got.until(1);
        assert.equal(got[0].data, 'small');
      });

      test('a client that names no transport falls back from a WebSocket that is blocked', async () => {
        class blocked { constructor() { throw new Error('blocked'); } }
        const client = new Centrifuge([
          { transport: 'websocket', endpoint: 'ws://127.0.0.1:1/connection/websocket' },
          { transport, endpoint: `${network.http}/connection/${transport}` },
        ], { websocket: blocked, emulationEndpoint: `${network.http}/emulation`, fetch, readableStream: ReadableStream,
          eventsource: EventSource, minReconnectDelay: 20, maxReconnectDelay: 100, token: jwt({ sub: 'ann' }) });
        made.add(client);
        const done = event(client, 'connected', { ms: 10000 });
        client.connect();
        assert.equal((await done).transport, transport);
      });
    });

describe('http_stream in Protobuf', { timeout: 60000 }, () => {
  const bytes = (value) => new TextEncoder().encode(JSON.stringify(value));
  const value = (data) => JSON.parse(new TextDecoder().decode(data));
  let node, network;
  before(async () => { node = await start_node(settings(2)); network = await start_network(node); });
  afterEach(() => { for (const client of made) client.disconnect(); made.clear(); disconnect_all(); });
  after(async () => { await network.stop(); await node.stop(); });

  test('a conversation with a client in JSON, pings and a recovery', async () => {
    const ann = await connected(network, 'http_stream', 'ann', { library: Protobuf });
    const bob = await connected_client(node, 'bob');
    const here = await subscribed(ann, 'room:a');
    const there = await subscribed(bob, 'room:a');
    const [at_ann, at_bob] = [collect(here), collect(there)];
    for (const n of range(1, 10)) await (n % 2 ? here.publish(bytes({ n })) : there.publish({ n }));
    await Promise.all([at_ann.until(10), at_bob.until(10)]);
    assert.deepEqual(at_ann.map((p) => value(p.data).n), range(1, 10));
    assert.deepEqual(at_bob.map((p) => p.data.n), range(1, 10));
    assert.equal((await here.history({ limit: 100 })).publications.length, 10);
    assert.equal(Object.keys((await here.presence()).clients).length, 2);
    await assert.rejects(ann.rpc('nothing', bytes({})), (error) => error.code === 108);
    let gone_by_itself = false;
    const note = () => { gone_by_itself = true; };
    here.on('subscribing', note);
    const end = Date.now() + 2500; // two pings and their pongs
    await eventually(() => Date.now(), (now) => now > end, 'the time of two pings', 5000);
    assert.equal(gone_by_itself, false);
    here.removeListener('subscribing', note);
    const gone = event(here, 'subscribing');
    network.down();
    await gone;
    await node.publish_numbers('room:a', 11, 40);
    const back = event(here, 'subscribed');
    network.up();
    assert.equal((await back).recovered, true);
    await at_ann.until(40);
    assert.deepEqual(at_ann.map((p) => value(p.data).n), range(1, 40));
  });

  test('the codes that end it', async () => {
    const client = await connected(network, 'http_stream', 'ann', { library: Protobuf });
    const gone = event(client, 'disconnected');
    await node.api('disconnect', { user: 'ann', disconnect: { code: 4500, reason: 'enough' } });
    const { code, reason } = await gone;
    assert.deepEqual([code, reason], [4500, 'enough']);
    const bad = stream_client(network, 'http_stream', 'ann',
      { library: Protobuf, getToken: async () => jwt({ sub: 'a' }, 'another') });
    const refused = event(bad, 'disconnected');
    bad.connect();
    assert.equal((await refused).code, 3500);
  });
});

describe('streams and the life of a node', { timeout: 60000 }, () => {
  afterEach(() => { for (const client of made) client.disconnect(); made.clear(); });

  for (const transport of ['http_stream', 'sse'])
    test(`${transport}: a node that stops sends its clients away, and they go on at the next one`, async () => {
      const [first, second] = await Promise.all([start_node(settings(2)), start_node(settings(2))]);
      const network = await start_network(first);
      const client = await connected(network, transport, 'ann');
      const sub = await subscribed(client, 'room:a');
      const got = collect(sub);
      const gone = event(client, 'connecting');
      const back = event(sub, 'subscribed');
      network.leads_to(second);
      await within(first.stop(), 15000, 'the end of the node');
      assert.equal((await gone).code, 3001);
      await back;
      await sub.publish(1);
      await got.until(1);
      client.disconnect();
      await network.stop();
      await second.stop();
    });

  test('commands for a node that is gone make the client connect again', async () => {
    const [first, second] = await Promise.all([start_node(settings(1)), start_node(settings(1))]);
    const network = await start_network(first);
    const client = await connected(network, 'http_stream', 'ann');
    // The stream stays where it is; what is sent beside it reaches another node.
    network.leads_to(second);
    const back = event(client, 'connected');
    client.rpc('nothing', {}).catch(() => {});
    await back;
    await assert.rejects(client.rpc('nothing', {}), (error) => error.code === 108);
    client.disconnect();
    await network.stop();
    await Promise.all([first.stop(), second.stop()]);
  });
});
