// The examples as their README says to use them: each back end serves the page, mints tokens and publishes, and the
// page talks to the node in a real browser.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import { chromium } from 'playwright-core';

import { api_key, collect, connected_client, disconnect_all, remove, root, secret, start_node, subscribed,
  within } from './support.mjs';

const program = process.env.PLEXUS_CHROMIUM || '/usr/bin/chromium';
const run = promisify(execFile);
const back_ends = [
  { name: 'backend.py', command: ['python3', join(root, 'examples/backend.py')] },
  { name: 'backend.mjs', command: [process.execPath, join(root, 'examples/backend.mjs')] },
];

describe('the examples', { timeout: 120000 }, () => {
  let node, environment;
  const children = [];

  before(async () => {
    node = await start_node({}, { file: join(root, 'config/demo.json'),
      args: ['--set', 'listen.port=0', '--set', 'client.allowed_origins=["127.0.0.1:*"]'],
      env: { PLEXUS_API__KEY: api_key, PLEXUS_CLIENT__TOKEN__HMAC_SECRET: secret } });
    environment = { ...process.env, PLEXUS_API__KEY: api_key, PLEXUS_CLIENT__TOKEN__HMAC_SECRET: secret,
      NODE: node.http, PORT: '0' };
  });
  afterEach(async () => {
    disconnect_all();
    for (const child of children.splice(0)) {
      child.kill();
      await once(child, 'exit');
    }
  });
  after(async () => { if (node) await node.stop(); });

  /// The address that the back end prints once it listens.
  async function serve([file, ...args]) {
    const child = spawn(file, args, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    let said = '';
    const address = new Promise((done) => child.stdout.on('data', (chunk) => {
      said += chunk;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
      if (found) done(found[0]);
    }));
    return within(address, 10000, 'the address of the back end');
  }

  for (const { name, command } of back_ends) {
    const call = async (...words) =>
      (await run(command[0], [...command.slice(1), ...words], { env: environment })).stdout.trim();

    test(`${name}: its tokens connect, its publications arrive once`, async () => {
      const address = await serve(command);
      const answer = await (await fetch(`${address}/token?user=alice`)).json();
      assert.equal(answer.node, node.http);
      assert.equal((await fetch(`${address}/nothing`)).status, 404);

      const client = await connected_client(node, '', { getToken: async () => answer.token });
      const room = await subscribed(client, 'chat:lobby');
      const got = collect(room, 'publication', (p) => p.data.text);
      const { offset } = JSON.parse(await call('publish', 'chat:lobby', '{"text":"first"}'));
      assert.equal(offset, room.first.streamPosition.offset + 1);
      await call('publish', 'chat:lobby', '{"text":"second"}');
      await got.until(2);
      assert.deepEqual([...got], ['first', 'second']);
      const members = Object.values((await room.presence()).clients).map((m) => m.user);
      assert.deepEqual(members, ['alice']);

      const by_hand = await connected_client(node, '', { getToken: () => call('token', 'bob') });
      assert.ok(by_hand.id);
    });

    test(`${name}: a refused publish says why, and is not repeated`, async () => {
      await assert.rejects(call('publish', 'nope:x', '{}'), /102 unknown channel/);
    });

    test(`${name}: two people talk on its page`, async () => {
      const address = await serve(command);
      const profile = await mkdtemp(join(tmpdir(), 'plexus-chromium-'));
      const browser = await chromium.launch({ executablePath: program, timeout: 20000,
        args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
        env: { ...process.env, HOME: profile } });
      try {
        const faults = [];
        const visit = async (user) => {
          const page = await browser.newPage();
          page.on('pageerror', (error) => faults.push(error.message));
          await page.goto(`${address}/?user=${user}`);
          await page.waitForFunction((u) => document.querySelector('#state').textContent === `${u} is connected`,
            user, { timeout: 10000 });
          return page;
        };
        const [ann, bob] = await Promise.all([visit('ann'), visit('bob')]);
        const shows = (page, text) => page.waitForFunction((t) =>
          [...document.querySelectorAll('#messages li')].some((e) => e.textContent === t), text, { timeout: 10000 });
        await Promise.all([ann, bob].map((page) => page.waitForFunction(() =>
          document.querySelector('#members').textContent === 'ann, bob', null, { timeout: 10000 })));
        const text = `Hello over ${name}`;
        await ann.fill('#text', text);
        await ann.click('button');
        await Promise.all([ann, bob].map((page) => shows(page, `ann: ${text}`)));
        await call('publish', 'chat:lobby', JSON.stringify({ text: `from ${name}` }));
        await Promise.all([ann, bob].map((page) => shows(page, `back end: from ${name}`)));
        assert.deepEqual(faults, []);
      } finally {
        await browser.close();
        await remove(profile);
      }
    });
  }
});
