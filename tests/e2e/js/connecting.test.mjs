// Connecting: tokens, their renewal, origins, and what a node refuses.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';

import WebSocket from 'ws';

import { api_key, connect_client, connected_client, disconnect_all, event, jwt, raw_socket, seconds_from_now,
  start_node, subscribed, within } from './support.mjs';

const settings = {
  client: { expired_close_delay: '1s', connect_timeout: '1s', allowed_origins: ['*.good.example'] },
  channels: { namespaces: { room: { subscribe: 'user', publish: 'subscriber', presence: true },
    closed: { subscribe: 'token' } } },
};

/// The status of a WebSocket handshake that a page of `origin` asks for.
async function handshake(node, origin) {
  const socket = new WebSocket(node.ws, origin === undefined ? {} : { headers: { Origin: origin } });
  const refused = once(socket, 'unexpected-response').then(([, response]) => response.statusCode);
  const open = once(socket, 'open').then(() => 101);
  socket.on('error', () => {});
  for (const one of [refused, open]) one.catch(() => {});
  const seen = await within(Promise.race([refused, open]), 5000, 'an answer to the handshake');
  socket.terminate();
  return seen;
}

describe('connecting', { timeout: 60000 }, () => {
  let node;
  before(async () => { node = await start_node(settings); });
  afterEach(disconnect_all);
  after(() => node.stop());

  test('a valid token connects, and its info is what others see', async () => {
    const client = await connected_client(node, 'ann', { claims: { info: { name: 'Ann' } } });
    assert.match(client.id, /./);
    const sub = await subscribed(client, 'room:a');
    const { clients } = await sub.presence();
    assert.deepEqual(Object.keys(clients), [client.id]);
    assert.equal(clients[client.id].user, 'ann');
    assert.deepEqual(clients[client.id].connInfo, { name: 'Ann' });
  });

  test('a token with a wrong signature is final: 3500', async () => {
    const client = connect_client(node, 'ann', { getToken: async () => jwt({ sub: 'ann' }, 'another secret') });
    const gone = event(client, 'disconnected');
    client.connect();
    assert.equal((await gone).code, 3500);
  });

  test('a token that allows no signature is no token', async () => {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const client = connect_client(node, '',
      { getToken: async () => `${part({ alg: 'none', typ: 'JWT' })}.${part({ sub: 'root' })}.` });
    const gone = event(client, 'disconnected');
    client.connect();
    assert.equal((await gone).code, 3500);
  });

  test('without a token, where nobody is anonymous, the end is final as well', async () => {
    const client = connect_client(node, '', { getToken: null });
    const gone = event(client, 'disconnected');
    client.connect();
    assert.equal((await gone).code, 3501);
  });

  test('an expired token is error 109: the client fetches another and connects', async () => {
    let asked = 0;
    const client = connect_client(node, 'ann', {
      token: jwt({ sub: 'ann', exp: seconds_from_now(-10) }),
      getToken: async () => { asked += 1; return jwt({ sub: 'ann', exp: seconds_from_now(600) }); },
    });
    const done = event(client, 'connected');
    client.connect();
    await done;
    assert.equal(asked, 1);
  });

  test('renewing with the token of another user is final: 3500', async () => {
    const raw = await raw_socket(node);
    raw.say({ id: 1, connect: { token: jwt({ sub: 'ann', exp: seconds_from_now(60) }) } });
    await raw.reply(1);
    raw.say({ id: 2, refresh: { token: jwt({ sub: 'bob', exp: seconds_from_now(60) }) } });
    assert.equal((await raw.closed()).code, 3500);
  });

  test('an expired subscription token is error 109: the client fetches another', async () => {
    const client = await connected_client(node, 'ann');
    let asked = 0;
    await subscribed(client, 'closed:late', {
      token: jwt({ sub: 'ann', channel: 'closed:late', exp: seconds_from_now(-10) }),
      getToken: async ({ channel }) => {
        asked += 1;
        return jwt({ sub: 'ann', channel, exp: seconds_from_now(600) });
      },
    });
    assert.equal(asked, 1);
  });

  test('a channel that wants a token refuses without one: 103', async () => {
    const client = await connected_client(node, 'ann');
    const sub = client.newSubscription('closed:room');
    const gone = event(sub, 'unsubscribed');
    sub.subscribe();
    assert.equal((await gone).code, 103);
  });

  test('the right to subscribe can be in the connection token', async () => {
    const client = await connected_client(node, 'ann', { claims: { can: { subscribe: ['closed:room*'] } } });
    await subscribed(client, 'closed:room7');
    const sub = client.newSubscription('closed:elsewhere');
    const gone = event(sub, 'unsubscribed');
    sub.subscribe();
    assert.equal((await gone).code, 103);
  });

  test('a subscription token for another channel closes the connection with 3500', async () => {
    const client = await connected_client(node, 'ann');
    const gone = event(client, 'disconnected');
    client.newSubscription('closed:mine', { token: jwt({ sub: 'ann', channel: 'closed:other' }) }).subscribe();
    assert.equal((await gone).code, 3500);
  });

  test('a namespace that is not configured is error 102', async () => {
    const client = await connected_client(node, 'ann');
    const sub = client.newSubscription('nowhere:room');
    const gone = event(sub, 'unsubscribed');
    sub.subscribe();
    assert.equal((await gone).code, 102);
  });

  test('a page of an origin that is not listed is refused with 403', async () => {
    assert.equal(await handshake(node, 'https://evil.example'), 403);
    assert.equal(await handshake(node, 'https://notgood.example'), 403);
    assert.equal(await handshake(node, 'https://app.good.example.evil.example'), 403);
    assert.equal(await handshake(node, 'https://app.good.example'), 101);
    assert.equal(await handshake(node, undefined), 101);
  });

  test('the library on a page of another origin never connects and keeps trying', async () => {
    const client = connect_client(node, 'ann', { socket: { headers: { Origin: 'https://evil.example' } } });
    let connected = false;
    client.on('connected', () => { connected = true; });
    const first = event(client, 'error');
    client.connect();
    assert.equal((await first).type, 'transport');
    await event(client, 'error');
    assert.equal(client.state, 'connecting');
    assert.equal(connected, false);
  });

  test('anything but connect as the first command is 3501', async () => {
    const raw = await raw_socket(node);
    raw.say({ id: 1, subscribe: { channel: 'room:a' } });
    assert.equal((await raw.closed()).code, 3501);
  });

  test('the HTTP API wants its key', async () => {
    const call = (headers) => fetch(`${node.http}/api/info`, { method: 'POST', headers, body: '{}' });
    assert.equal((await call({})).status, 401);
    assert.equal((await call({ 'X-API-Key': 'wrong' })).status, 401);
    assert.equal((await call({ 'X-API-Key': api_key })).status, 200);
    assert.equal((await call({ Authorization: `apikey ${api_key}` })).status, 200);
  });
});

/// These wait for time to pass, so they do it together.
describe('what expires', { timeout: 30000, concurrency: true }, () => {
  let node;
  before(async () => { node = await start_node(settings); });
  after(() => {
    disconnect_all();
    return node.stop();
  });

  test('an expiring connection token is renewed on the same connection', async () => {
    let asked = 0;
    let third;
    const renewed = new Promise((done) => { third = done; });
    const client = await connected_client(node, 'ann', { getToken: async () => {
      asked += 1;
      if (asked === 3) third();
      return jwt({ sub: 'ann', exp: seconds_from_now(2) });
    } });
    const lost = [];
    client.on('connecting', (ctx) => lost.push(ctx));
    await within(renewed, 12000, 'three tokens');
    const sub = await subscribed(client, 'room:renewed');
    assert.deepEqual(Object.keys((await sub.presence()).clients), [client.id]);
    assert.deepEqual(lost, []);
  });

  test('a connection whose token is not renewed is closed with 3005', async () => {
    const raw = await raw_socket(node);
    raw.say({ id: 1, connect: { token: jwt({ sub: 'ann', exp: seconds_from_now(2) }) } });
    const reply = await raw.reply(1);
    assert.equal(reply.connect.expires, true);
    assert.ok(reply.connect.ttl >= 1 && reply.connect.ttl <= 2, `ttl ${reply.connect.ttl}`);
    assert.equal((await raw.closed(8000)).code, 3005);
  });

  test('an expiring subscription token is renewed on the same subscription', async () => {
    const client = await connected_client(node, 'ann');
    let asked = 0;
    let third;
    const renewed = new Promise((done) => { third = done; });
    const sub = await subscribed(client, 'closed:expiring', { getToken: async ({ channel }) => {
      asked += 1;
      if (asked === 3) third();
      return jwt({ sub: 'ann', channel, exp: seconds_from_now(2) });
    } });
    const lost = [];
    sub.on('subscribing', (ctx) => lost.push(ctx));
    sub.on('unsubscribed', (ctx) => lost.push(ctx));
    await within(renewed, 12000, 'three tokens');
    const got = event(sub, 'publication');
    await node.api('publish', { channel: 'closed:expiring', data: 'still here' });
    assert.equal((await got).data, 'still here');
    assert.deepEqual(lost, []);
  });

  test('a socket that says nothing is closed with 3502', async () => {
    const raw = await raw_socket(node);
    assert.equal((await raw.closed()).code, 3502);
  });
});

describe('connecting to a quiet node of two loops', { timeout: 30000 }, () => {
  let node;
  // The loops are idle between the tests: what a quiet node does with the next client is the point.
  before(async () => { node = await start_node({ node: { loops: 2 }, client: { connect_timeout: '1s' } }); });
  afterEach(disconnect_all);
  after(() => node.stop());

  test('without a list of origins only pages of the own host connect', async () => {
    assert.equal(await handshake(node, node.http), 101);
    assert.equal(await handshake(node, 'https://evil.example'), 403);
    assert.equal(await handshake(node, 'http://127.0.0.1:1'), 403);
  });

  test('a request that comes late on a fresh connection is answered, however long the node was idle', async () => {
    const url = new URL(node.http);
    const open = async () => {
      const socket = connect({ host: url.hostname, port: Number(url.port) });
      socket.on('error', () => {});
      socket.gone = once(socket, 'close').then(() => 'closed without an answer');
      await within(once(socket, 'connect'), 5000, 'a TCP connection');
      return socket;
    };
    const ask = async (socket) => {
      const answer = Promise.race([once(socket, 'data').then(([data]) => data.toString().split('\r\n')[0]),
        socket.gone]);
      socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
      return within(answer, 5000, 'an answer');
    };
    // One rests on the first loop, so that the next goes to the second, which then has been idle all the time.
    const resting = await open();
    assert.equal(await ask(resting), 'HTTP/1.1 200 OK');
    await new Promise((done) => setTimeout(done, 1500)); // longer than connect_timeout: the situation itself
    const late = await open();
    await new Promise((done) => setTimeout(done, 200));
    assert.equal(await ask(late), 'HTTP/1.1 200 OK');
    resting.destroy();
    late.destroy();
  });
});
