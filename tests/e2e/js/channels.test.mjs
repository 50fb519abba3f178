// Channels as an application uses them: publishing, history, presence, limits, order. Once with one event loop,
// once with two, where a channel and its subscribers may live on different loops.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { collect, connected_client, disconnect_all, event, eventually, jwt, range, raw_socket, start_node,
  subscribed } from './support.mjs';

const lasting = { history_size: 20000, history_ttl: '5m' };
const settings = (loops) => ({
  node: { loops },
  channels: { namespaces: {
    room: { subscribe: 'user', publish: 'subscriber', presence: true, join_leave: true, ...lasting },
    asked: { subscribe: 'user', presence: true, join_leave: 'asked' },
    plain: { subscribe: 'user', publish: 'subscriber' },
    silent: { subscribe: 'user' },
    narrow: { subscribe: 'user', max_subscribers: 2 },
    kept: { subscribe: 'user', presence: true, read_presence: 'token', read_history: 'token', ...lasting },
  } },
});

for (const loops of [1, 2]) {
  describe(`channels on ${loops} loop${loops > 1 ? 's' : ''}`, { timeout: 60000 }, () => {
    let node;
    before(async () => { node = await start_node(settings(loops)); });
    afterEach(disconnect_all);
    after(() => node.stop());

    test('what one client publishes, all subscribers receive, the publisher before its reply', async () => {
      const [ann, bob] = [await connected_client(node, 'ann', { claims: { info: { name: 'Ann' } } }),
        await connected_client(node, 'bob')];
      const [from, to] = [await subscribed(ann, 'plain:a'), await subscribed(bob, 'plain:a')];
      const order = [];
      from.on('publication', () => order.push('publication'));
      const got = event(to, 'publication');
      const data = { text: 'grüße 🌍', list: [1, 2.5, null, true], deep: { '': '\u0000"\\' } };
      await from.publish(data);
      order.push('reply');
      const pub = await got;
      assert.deepEqual(pub.data, data);
      assert.deepEqual(pub.info, { client: ann.id, user: 'ann', connInfo: { name: 'Ann' } });
      assert.equal(pub.offset, undefined);
      assert.deepEqual(order, ['publication', 'reply']);
    });

    test('data of every JSON kind arrives as it was', async () => {
      const sub = await subscribed(await connected_client(node, 'ann'), 'room:kinds');
      const got = collect(sub);
      const kinds = [null, true, 0, -1.5e-7, 12345678901234, '', 'line\nbreak', [], {}, [[]], 'null',
        { a: { b: [{}] } }];
      for (const kind of kinds) await node.api('publish', { channel: 'room:kinds', data: kind });
      await got.until(kinds.length);
      assert.deepEqual(got.map((p) => p.data), kinds);
      assert.deepEqual(got.map((p) => p.offset), range(1, kinds.length));
    });

    test('the API gives offset and epoch, tags arrive, the same idempotency key delivers once', async () => {
      const sub = await subscribed(await connected_client(node, 'ann'), 'room:api');
      const got = collect(sub);
      const order = { channel: 'room:api', data: 1, idempotency_key: 'k1', tags: { kind: 'x' } };
      const first = await node.api('publish', order);
      assert.equal(first.offset, 1);
      assert.equal(first.epoch, sub.first.streamPosition.epoch);
      assert.deepEqual(await node.api('publish', { ...order, data: 'another' }), first);
      const skipped = await node.api('publish', { channel: 'room:api', data: 2, skip_history: true });
      assert.equal(skipped.offset, undefined);
      assert.equal((await node.api('publish', { channel: 'room:api', data: 3 })).offset, 2);
      await got.until(3);
      assert.deepEqual(got.map(({ data, offset }) => [data, offset]), [[1, 1], [2, undefined], [3, 2]]);
      assert.deepEqual(got[0].tags, { kind: 'x' });
      assert.equal(got[0].info, undefined);
    });

    test('who may not publish is told so: 103', async () => {
      const client = await connected_client(node, 'ann');
      const sub = await subscribed(client, 'silent:a');
      await assert.rejects(sub.publish({}), { code: 103 });
      await assert.rejects(client.publish('plain:not-subscribed', {}), { code: 103 });
    });

    test('history is read in pages, forwards and backwards', async () => {
      const sub = await subscribed(await connected_client(node, 'ann'), 'room:history');
      const { epoch } = sub.first.streamPosition;
      await node.publish_numbers('room:history', 1, 25);
      const numbers = (page) => page.publications.map(({ offset, data }) => [offset, data.n]);
      const pairs = (list) => list.map((n) => [n, n]);

      const none = await sub.history({ limit: 0 });
      assert.deepEqual([none.publications, none.offset, none.epoch], [[], 25, epoch]);

      const forwards = [];
      for (let since = { offset: 0, epoch }; ;) {
        const page = await sub.history({ limit: 10, since });
        assert.equal(page.offset, 25);
        if (!page.publications.length) break;
        forwards.push(...numbers(page));
        since = { offset: page.publications.at(-1).offset, epoch: page.epoch };
      }
      assert.deepEqual(forwards, pairs(range(1, 25)));

      const backwards = [];
      let page = await sub.history({ limit: 10, reverse: true });
      while (page.publications.length) {
        backwards.push(...numbers(page));
        const since = { offset: page.publications.at(-1).offset, epoch };
        page = await sub.history({ limit: 10, since, reverse: true });
      }
      assert.deepEqual(backwards, pairs(range(1, 25)).reverse());

      assert.deepEqual(numbers(await sub.history({ limit: -1 })), pairs(range(1, 25)));
      await assert.rejects(sub.history({ limit: 1, since: { offset: 1, epoch: 'wrong' } }), { code: 112 });

      await node.api('history_remove', { channel: 'room:history' });
      const removed = await sub.history({ limit: -1 });
      assert.deepEqual([removed.publications, removed.offset, removed.epoch], [[], 25, epoch]);
    });

    test('history and presence that are off are 108, without the right 103', async () => {
      const client = await connected_client(node, 'ann');
      const plain = await subscribed(client, 'plain:a');
      await assert.rejects(plain.history({ limit: 1 }), { code: 108 });
      await assert.rejects(plain.presence(), { code: 108 });
      await assert.rejects(plain.presenceStats(), { code: 108 });
      const kept = await subscribed(client, 'kept:a');
      await assert.rejects(kept.history({ limit: 1 }), { code: 103 });
      await assert.rejects(kept.presence(), { code: 103 });
      const can = { presence: ['kept:*'], history: ['kept:*'] };
      const reader = await connected_client(node, 'bob', { claims: { can } });
      const read = await subscribed(reader, 'kept:a');
      await read.history({ limit: 1 });
      assert.equal(Object.keys((await read.presence()).clients).length, 2);
    });

    test('presence and its figures count clients and users', async () => {
      const [one, two, other] = [await connected_client(node, 'ann', { claims: { info: { name: 'Ann' } } }),
        await connected_client(node, 'ann'), await connected_client(node, 'bob')];
      const sub = await subscribed(one, 'room:who');
      assert.deepEqual(await sub.presenceStats(), { numClients: 1, numUsers: 1 });
      const second = await subscribed(two, 'room:who');
      const third = await subscribed(other, 'room:who');
      assert.deepEqual(await sub.presenceStats(), { numClients: 3, numUsers: 2 });
      const { clients } = await third.presence();
      const { client, user, connInfo } = clients[one.id];
      assert.deepEqual({ client, user, connInfo }, { client: one.id, user: 'ann', connInfo: { name: 'Ann' } });
      assert.deepEqual(Object.keys(clients).sort(), [one.id, two.id, other.id].sort());
      const left = event(sub, 'leave', { accept: (ctx) => ctx.info.client === two.id });
      second.unsubscribe();
      await left;
      assert.deepEqual(await sub.presenceStats(), { numClients: 2, numUsers: 2 });
      const gone = event(sub, 'leave', { accept: (ctx) => ctx.info.client === other.id });
      other.disconnect();
      await gone;
      assert.deepEqual(Object.keys((await sub.presence()).clients), [one.id]);
      const { presence } = await node.api('presence', { channel: 'room:who' });
      assert.deepEqual(Object.keys(presence), [one.id]);
    });

    test('joins and leaves come once each, one\'s own join too', async () => {
      const [ann, bob] = [await connected_client(node, 'ann'), await connected_client(node, 'bob')];
      const sub = ann.newSubscription('room:joins');
      const seen = [];
      for (const kind of ['join', 'leave'])
        sub.on(kind, (ctx) => seen.push([kind, ctx.info.user, ctx.info.client]));
      const own = event(sub, 'join', { accept: (ctx) => ctx.info.client === ann.id });
      sub.subscribe();
      await own;
      const other = await subscribed(bob, 'room:joins');
      const left = event(sub, 'leave');
      other.unsubscribe();
      await left;
      const back = event(sub, 'join');
      other.subscribe();
      await back;
      const lost = event(sub, 'leave');
      bob.net.drop(); // no close frame, and no grace in this namespace
      await lost;
      assert.deepEqual(seen, [['join', 'ann', ann.id], ['join', 'bob', bob.id], ['leave', 'bob', bob.id],
        ['join', 'bob', bob.id], ['leave', 'bob', bob.id]]);
    });

    test('where they must be asked for, joins come only to who asked', async () => {
      const [ann, bob, eve] = [await connected_client(node, 'ann'), await connected_client(node, 'bob'),
        await connected_client(node, 'eve')];
      const asked = await subscribed(ann, 'asked:a', { joinLeave: true });
      const not_asked = await subscribed(bob, 'asked:a');
      let heard = 0;
      not_asked.on('join', () => { heard += 1; });
      const joined = event(asked, 'join', { accept: (ctx) => ctx.info.client === eve.id });
      await subscribed(eve, 'asked:a');
      await joined;
      // What follows in the channel is behind the join: once it is here, no join comes any more.
      const got = event(not_asked, 'publication');
      await node.api('publish', { channel: 'asked:a', data: 0 });
      await got;
      assert.equal(heard, 0);
    });

    test('ten rounds of unsubscribe and subscribe leave exactly one member and one delivery', async () => {
      const client = await connected_client(node, 'ann');
      const sub = await subscribed(client, 'room:rounds');
      const got = collect(sub);
      for (let round = 0; round < 10; ++round) {
        const back = event(sub, 'subscribed');
        sub.unsubscribe();
        sub.subscribe();
        await back;
        assert.equal((await sub.presenceStats()).numClients, 1, `round ${round}`);
      }
      for (let round = 0; round < 10; ++round) {
        sub.unsubscribe();
        sub.subscribe();
      }
      await sub.ready(5000);
      await eventually(() => sub.presenceStats(), (s) => s.numClients === 1, 'one member');
      await node.publish_numbers('room:rounds', 1, 3);
      await got.until(3);
      await sub.publish({ n: 4 }); // its reply comes after all that was delivered
      assert.deepEqual(got.map((p) => p.data.n), [1, 2, 3, 4]);
      sub.unsubscribe();
      await eventually(() => node.api('presence_stats', { channel: 'room:rounds' }),
        (s) => s.num_clients === 0 && s.num_users === 0, 'nobody left');
    });

    test('many clients racing in and out leave exactly those who stayed', async () => {
      const clients = await Promise.all(range(1, 20).map((n) => connected_client(node, `user${n}`)));
      const subs = clients.map((c) => c.newSubscription('room:crowd', { minResubscribeDelay: 20 }));
      for (let round = 0; round < 10; ++round) {
        for (const sub of subs) sub.subscribe();
        for (const [i, sub] of subs.entries()) if ((i + round) % 3) sub.unsubscribe();
      }
      subs.forEach((sub, i) => (i % 2 ? sub.subscribe() : sub.unsubscribe()));
      await Promise.all(subs.filter((_, i) => i % 2).map((sub) => sub.ready(5000)));
      const stayed = clients.filter((_, i) => i % 2).map((c) => c.id).sort();
      const who = async () => Object.keys((await node.api('presence', { channel: 'room:crowd' })).presence).sort();
      await eventually(who, (ids) => ids.join() === stayed.join(), 'those who stayed');
      const got = subs.map((sub) => collect(sub));
      await node.api('publish', { channel: 'room:crowd', data: 'hello' });
      await Promise.all(got.filter((_, i) => i % 2).map((g) => g.until(1)));
      assert.deepEqual(got.map((g) => g.length), subs.map((_, i) => i % 2));
      for (const client of clients) client.net.cut();
      for (const client of clients) client.disconnect();
      await eventually(who, (ids) => ids.length === 0, 'nobody after all sockets were cut');
    });

    test('commands on a channel take effect in the order sent, and each is answered', async () => {
      const raw = await raw_socket(node);
      raw.say({ id: 1, connect: { token: jwt({ sub: 'ann' }) } });
      await raw.reply(1);
      const channel = 'room:in-flight';
      const ids = range(2, 8);
      const kind = (id) => (id % 2 ? 'unsubscribe' : 'subscribe');
      raw.say(ids.map((id) => JSON.stringify({ id, [kind(id)]: { channel } })).join('\n'));
      for (const id of ids) assert.ok((await raw.reply(id))[kind(id)], `command ${id}`);
      assert.deepEqual(raw.messages.map((m) => m.id).filter((id) => id > 1), ids);
      raw.say({ id: 9, presence_stats: { channel } });
      assert.deepEqual((await raw.reply(9)).presence_stats, { num_clients: 1, num_users: 1 });
      raw.socket.close();
    });

    test('subscribing to what one is subscribed to is error 105', async () => {
      const raw = await raw_socket(node);
      raw.say({ id: 1, connect: { token: jwt({ sub: 'ann' }) } });
      raw.say({ id: 2, subscribe: { channel: 'plain:twice' } });
      raw.say({ id: 3, subscribe: { channel: 'plain:twice' } });
      assert.ok((await raw.reply(2)).subscribe);
      assert.equal((await raw.reply(3)).error.code, 105);
      raw.socket.close();
    });

    test('a call that nothing handles is error 108', async () => {
      const client = await connected_client(node, 'ann');
      await assert.rejects(client.rpc('no.such', { a: 1 }), { code: 108 });
    });

    test('two clients send 10,000 messages: both receive all, in the same order', async () => {
      const [ann, bob] = [await connected_client(node, 'ann'), await connected_client(node, 'bob')];
      const subs = [await subscribed(ann, 'room:talk'), await subscribed(bob, 'room:talk')];
      const got = subs.map((sub) => collect(sub));
      const each = 5000;
      const talk = async (sub, who) => {
        const window = [];
        for (let n = 1; n <= each; ++n) {
          window.push(sub.publish({ who, n }));
          if (window.length >= 200) await window.shift();
        }
        await Promise.all(window);
      };
      await Promise.all([talk(subs[0], 'ann'), talk(subs[1], 'bob')]);
      await Promise.all(got.map((g) => g.until(2 * each, 20000)));
      for (const g of got) {
        assert.equal(g.length, 2 * each);
        assert.deepEqual(g.map((p) => p.offset), range(1, 2 * each));
        for (const who of ['ann', 'bob'])
          assert.deepEqual(g.filter((p) => p.data.who === who).map((p) => p.data.n), range(1, each));
      }
      assert.deepEqual(got[0].map((p) => [p.data.who, p.data.n]), got[1].map((p) => [p.data.who, p.data.n]));
    });

    test('a message near the limit arrives whole, to the byte', async () => {
      const [ann, bob] = [await connected_client(node, 'ann'), await connected_client(node, 'bob')];
      const [from, to] = [await subscribed(ann, 'room:large'), await subscribed(bob, 'room:large')];
      const text = Array.from({ length: 65000 }, (_, i) => String.fromCharCode(97 + (i * 7) % 26)).join('');
      const got = event(to, 'publication');
      await from.publish(text);
      assert.equal((await got).data, text);
      assert.equal((await to.history({ limit: 1, reverse: true })).publications[0].data, text);
    });

    test('a message of exactly the limit is taken, one byte more closes with 1009', async () => {
      const frame = (length) => {
        const empty = JSON.stringify({ id: 3, publish: { channel: 'plain:size', data: '' } });
        return empty.replace('""', `"${'x'.repeat(length - empty.length)}"`);
      };
      for (const [length, closes] of [[65536, false], [65537, true]]) {
        const raw = await raw_socket(node);
        raw.say({ id: 1, connect: { token: jwt({ sub: 'ann' }) } });
        raw.say({ id: 2, subscribe: { channel: 'plain:size' } });
        await raw.reply(2);
        raw.say(frame(length));
        if (closes) assert.equal((await raw.closed()).code, 1009);
        else assert.deepEqual(await raw.reply(3), { id: 3, publish: {} });
        raw.socket.terminate();
      }
    });

    test('a message over the limit ends the library\'s connection for good', async () => {
      const client = await connected_client(node, 'ann');
      const sub = await subscribed(client, 'plain:oversize');
      const gone = event(client, 'disconnected');
      sub.publish('x'.repeat(70000)).catch(() => {});
      assert.equal((await gone).code, 3); // the library's "message size limit exceeded", from close code 1009
    });

    test('128 channels are the limit of a connection: the next is error 106, one given back makes room', async () => {
      const client = await connected_client(node, 'ann');
      const subs = range(1, 128).map((n) => client.newSubscription(`plain:c${n}`));
      for (const sub of subs) sub.subscribe();
      await Promise.all(subs.map((sub) => sub.ready(5000)));
      const more = client.newSubscription('plain:c129');
      const refused = event(more, 'unsubscribed');
      more.subscribe();
      assert.equal((await refused).code, 106);
      subs[0].unsubscribe();
      const taken = event(more, 'subscribed');
      more.subscribe();
      await taken;
    });

    test('a channel that is full is error 106', async () => {
      for (const user of ['ann', 'bob']) await subscribed(await connected_client(node, user), 'narrow:a');
      const sub = (await connected_client(node, 'eve')).newSubscription('narrow:a');
      const refused = event(sub, 'unsubscribed');
      sub.subscribe();
      assert.equal((await refused).code, 106);
    });

    test('a channel name over 255 bytes is error 107', async () => {
      const client = await connected_client(node, 'ann');
      await subscribed(client, `plain:${'ä'.repeat(124)}x`); // 255 bytes
      const sub = client.newSubscription(`plain:${'ä'.repeat(125)}`);
      const refused = event(sub, 'unsubscribed');
      sub.subscribe();
      assert.equal((await refused).code, 107);
    });
  });
}
