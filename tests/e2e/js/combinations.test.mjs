// What is made once for all subscribers, in every form at once: JSON and Protobuf, whole and as deltas, compressed
// and not, in clear and over TLS. Whatever a client has agreed to, it shows what was published.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { Centrifuge as Protobuf } from 'centrifuge/build/protobuf';

import { collect, connected_client, disconnect_all, event, range, remove, start_node, subscribed } from './support.mjs';

const settings = {
  client: { compression: true },
  channels: { namespaces: {
    log: { subscribe: 'user', publish: 'subscriber', delta: true, history_size: 500, history_ttl: '5m' },
  } },
};

/// Changes in its middle, more than fits where nothing is compressed; characters of one to four bytes.
const state = (n) => ({ n, name: `Zoë €uro ${n % 2 ? '😀' : '😁'}`,
  rows: Array.from({ length: 60 }, (_, i) => [i, i >= n % 40 && i < n % 40 + 15 ? n * 7919 + i : i * 104729]) });
const states = (from, to) => range(from, to).map(state);
const value = (data) => JSON.parse(new TextDecoder().decode(data));

async function with_certificate(folder) {
  const [certificate, key] = ['node.pem', 'node.key'].map((name) => join(folder, name));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
  const node = await start_node({ ...settings, listen: { tls: { certificate, key } } },
    { args: ['--set', 'internal.address=127.0.0.1'] });
  node.ws = node.ws.replace('ws:', 'wss:');
  return [node, { ca: readFileSync(certificate) }];
}

for (const over of ['in clear', 'over TLS']) {
  describe(`every form at once, ${over}`, { timeout: 60000 }, () => {
    let node, folder;
    let socket = {};
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'plexus-forms-'));
      if (over === 'in clear') node = await start_node(settings);
      else [node, socket] = await with_certificate(folder);
    });
    afterEach(disconnect_all);
    after(async () => {
      await node?.stop();
      await remove(folder);
    });

    /// A subscriber of `channel` that has agreed to what `form` says, and what it got.
    async function subscriber(channel, form) {
      const options = { socket: { ...socket, perMessageDeflate: form.compressed } };
      const library = form.protobuf ? { library: Protobuf } : {};
      const client = await connected_client(node, 'ann', { ...options, ...library });
      const sub = await subscribed(client, channel, form.delta ? { delta: 'fossil' } : {});
      const got = collect(sub, 'publication', (p) => (form.protobuf ? value(p.data) : p.data));
      return { ...form, client, sub, got };
    }

    const forms = [];
    for (const protobuf of [false, true])
      for (const delta of [false, true])
        for (const compressed of [false, true]) forms.push({ protobuf, delta, compressed });

    test('all show the same', async () => {
      const all = await Promise.all(forms.map((form) => subscriber('log:a', form)));
      for (const each of all)
        assert.equal(each.client.net.sockets[0].extensions, each.compressed ? 'permessage-deflate' : '');
      await all[0].sub.publish(state(1));
      await all.at(-1).sub.publish(new TextEncoder().encode(JSON.stringify(state(2))));
      for (const n of range(3, 30)) await all[0].sub.publish(state(n));
      for (const each of all) {
        await each.got.until(30);
        assert.deepEqual([...each.got], states(1, 30), JSON.stringify({ ...each, client: 0, sub: 0, got: 0 }));
        if (each.delta) assert.equal(each.sub.deltaStats().numDeltaPayloads, 29);
      }
    });

    test('each recovers what it missed, and goes on', async () => {
      const all = await Promise.all(forms.map((form) => subscriber('log:b', form)));
      const publisher = await subscriber('log:b', { compressed: true });
      for (const n of range(1, 10)) await publisher.sub.publish(state(n));
      await Promise.all(all.map((each) => each.got.until(10)));
      const gone = all.map((each) => event(each.sub, 'subscribing'));
      for (const each of all) each.client.net.drop();
      await Promise.all(gone);
      for (const n of range(11, 20)) await publisher.sub.publish(state(n));
      const back = all.map((each) => event(each.sub, 'subscribed'));
      for (const each of all) each.client.net.up();
      for (const ctx of await Promise.all(back)) assert.equal(ctx.recovered, true);
      for (const n of range(21, 30)) await publisher.sub.publish(state(n));
      for (const each of all) {
        await each.got.until(30);
        assert.deepEqual([...each.got], states(1, 30), JSON.stringify({ ...each, client: 0, sub: 0, got: 0 }));
      }
    });
  });
}
