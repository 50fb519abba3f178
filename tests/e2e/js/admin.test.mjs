// The inspection page in a real browser: overview, a user among 10,000 found, opened, traced and disconnected, a
// node drained and taken back. Pictures of it, in both themes and at phone width, go to build/screenshots.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';
import WebSocket from 'ws';

import { connected_client, disconnect_all, event, jwt, plugin, root, seconds_from_now, start_node, subscribed } from './support.mjs';

const program = process.env.PLEXUS_CHROMIUM || '/usr/bin/chromium';
const pictures = process.env.PLEXUS_SCREENSHOTS || join(root, 'build/screenshots');
const crowd = Number(process.env.PLEXUS_CROWD || 10000);
const desktop = { width: 1366, height: 860 };
const phone = { width: 390, height: 844 };
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const admin_secret = 'the secret of the page';

/// Many clients on few tokens: each only connects and stays.
async function fill(node, count) {
  const sockets = [];
  let next = 0;
  const one = async () => {
    while (next < count) {
      const n = next++;
      await new Promise((done, fail) => {
        const socket = new WebSocket(node.ws, { perMessageDeflate: false });
        sockets.push(socket);
        socket.on('open', () => socket.send(JSON.stringify({ id: 1, connect: { token: jwt({ sub: `person-${n}`, exp: seconds_from_now(900) }), name: 'crowd', version: '1' } })));
        socket.once('message', done);
        socket.on('error', fail);
      });
    }
  };
  await Promise.all(Array.from({ length: 50 }, one));
  return sockets;
}

describe('the inspection page', { timeout: 600000 }, () => {
  let node, browser, profile, sockets = [];
  const settings = { node: { name: 'node-a' }, admin: { secret: admin_secret },
    plugins: [plugin('sample')],
    client: { ping_interval: '0s' }, // the crowd says nothing more
    channels: { namespaces: { chat: { subscribe: 'user', publish: 'user', presence: true, history_size: 100, history_ttl: '1h' },
      counted: { subscribe: 'user', publish: 'subscriber', actor: 'counter' } } } };
  let contexts = [];

  before(async () => {
    assert.ok(existsSync(program), `there is no browser at ${program}`);
    await mkdir(pictures, { recursive: true });
    node = await start_node(settings);
    sockets = await fill(node, crowd);
    profile = await mkdtemp(join(tmpdir(), 'plexus-chromium-'));
    browser = await chromium.launch({ executablePath: program, args: [...flags, `--disk-cache-dir=${profile}`],
      timeout: 60000, env: { ...process.env, HOME: profile } });
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    disconnect_all();
  });
  after(async () => {
    if (browser) await browser.close();
    for (const socket of sockets) socket.terminate();
    if (node) await node.stop();
    if (profile) await rm(profile, { recursive: true, force: true });
  });

  async function visit({ viewport = desktop, colorScheme = 'light', where = '' } = {}) {
    const context = await browser.newContext({ viewport, colorScheme, locale: 'en-GB' });
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(30000);
    page.faults = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) page.faults.push(`${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => page.faults.push(`exception: ${error.message}`));
    const own = new URL(node.http).host;
    page.on('request', (request) => {
      const { host, protocol } = new URL(request.url());
      if (host !== own && protocol !== 'data:') page.faults.push(`asked another host: ${request.url()}`);
    });
    await page.goto(`${node.http}/admin/${where}`);
    await page.fill('#secret', admin_secret);
    await page.click('#sign-in-go');
    await page.waitForSelector('#state[data-state=open]');
    return page;
  }
  const picture = (page, name) => page.screenshot({ path: join(pictures, `admin-${name}.png`) });
  /// Nothing is wider than the window: a phone must not scroll sideways.
  const fits = async (page) => {
    const [scroll, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(scroll <= inner, `the page is ${scroll} wide in a window of ${inner}`);
  };

  test('every module is served', async () => {
    const files = await readdir(join(root, 'transport/admin/page'));
    for (const file of files.filter((f) => f !== 'index.html')) {
      const answer = await fetch(`${node.http}/admin/${file}`);
      assert.equal(answer.status, 200, file);
    }
  });

  test('a wrong secret is told, and nothing is shown', async () => {
    const context = await browser.newContext({ viewport: desktop });
    contexts.push(context);
    const page = await context.newPage();
    await page.goto(`${node.http}/admin/`);
    await page.fill('#secret', 'wrong');
    await page.click('#sign-in-go');
    await page.waitForSelector('#sign-in-note .problem');
    assert.equal(await page.isVisible('#frame'), false);
    await page.fill('#secret', admin_secret); // after the pause that a wrong one costs
    await page.click('#sign-in-go');
    await page.waitForSelector('#state[data-state=open]');
  });

  test('the overview tells that all is well, and how much there is', async () => {
    const page = await visit();
    await page.waitForSelector('#verdict[data-state=good]');
    const shown = await page.textContent('#tile-clients b');
    assert.ok(shown.includes('k') || Number(shown.replace(/\D/g, '')) >= crowd, shown);
    assert.equal(await page.locator('#node-cards .card').count(), 1);
    await page.waitForFunction(() => document.querySelectorAll('.chart .line').length > 0, null, { timeout: 30000 });
    await picture(page, 'overview-light');
    await page.click('#theme');
    await page.click('#theme');
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    await picture(page, 'overview-dark');
    assert.deepEqual(page.faults, []);
  });

  test('search a user, open it, trace a publication, disconnect it', async () => {
    const client = await connected_client(node, 'needle', { claims: { info: { name: 'Nele' } } });
    const sub = await subscribed(client, 'chat:haystack');
    const page = await visit();
    await page.keyboard.press('/');
    await page.fill('#search-text', 'needle');
    await page.waitForSelector('#found a[data-kind=connection]');
    await picture(page, 'search-light');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#subscriptions tr[data-channel="chat:haystack"]');
    await picture(page, 'connection-light');
    await page.click('text=Trace this connection');
    await page.check('#trace-payloads');
    await page.waitForSelector('#trace-lines');
    await page.waitForTimeout(500); // the trace that shows payloads has begun
    await sub.publish({ word: 'rumpelstilzchen' });
    await page.waitForSelector('#trace-lines li[data-kind=publish]');
    await page.waitForSelector('#trace-lines li[data-kind=publication] .payload');
    assert.match(await page.textContent('#trace-lines'), /rumpelstilzchen/);
    await picture(page, 'trace-light');
    await page.goBack();
    await page.click('[data-action=disconnect]');
    await page.fill('#confirm [name=reason]', 'the test is over');
    await picture(page, 'confirm-light');
    const gone = event(client, 'disconnected', { ms: 30000 });
    await page.click('#confirm-go');
    assert.equal((await gone).code, 3503);
    await page.waitForSelector('#toast:not([hidden])');
    await page.waitForSelector('#connection[data-gone=true]');
    await page.evaluate(() => { location.hash = '#/audit'; });
    await page.waitForSelector('#audit-lines li[data-action=disconnect]');
    assert.match(await page.textContent('#audit-lines'), /the test is over/);
    assert.deepEqual(page.faults, []);
  });

  test('ten thousand connections are paged, sorted and filtered by the server', async () => {
    const page = await visit({ where: '#/connections' });
    const matched = () => page.$eval('.matched', (e) => Number(e.dataset.matched));
    await page.waitForSelector('.list tr[data-key]');
    assert.ok(await matched() >= crowd);
    assert.equal(await page.locator('.list tr[data-key]').count(), 50);
    const first = await page.getAttribute('.list tr[data-key]', 'data-key');
    await page.click('text=Next');
    await page.waitForFunction((key) => document.querySelector('.list tr[data-key]').dataset.key !== key, first);
    await page.fill('#filters [name=search]', `person-${crowd - 1}`);
    await page.waitForFunction(() => document.querySelector('.matched').dataset.matched === '1');
    await picture(page, 'connections-light');
    assert.deepEqual(page.faults, []);
  });

  test('a channel with its members, history and what the nodes have seen', async () => {
    const client = await connected_client(node, 'ann');
    const sub = await subscribed(client, 'chat:lobby');
    for (let n = 0; n < 3; ++n) await sub.publish({ n });
    const page = await visit({ where: '#/channels', colorScheme: 'dark' });
    await page.fill('#filters [name=pattern]', 'lobby');
    await page.click('.list a:has-text("chat:lobby")');
    await page.waitForSelector('#channel-history li[data-offset="3"]');
    assert.match(await page.textContent('#channel-nodes'), /level/);
    assert.equal(await page.locator('#channel-history .payload').count(), 0);
    await page.check('#payloads');
    await page.waitForSelector('#channel-history .payload');
    await picture(page, 'channel-dark');
    assert.deepEqual(page.faults, []);
  });

  test('the actor of a channel, with what its class shows', async () => {
    const client = await connected_client(node, 'ann');
    await subscribed(client, 'counted:lot');
    await client.rpc('counter.add', { channel: 'counted:lot', n: 5 });
    const page = await visit({ where: '#/channel/counted%3Alot', colorScheme: 'dark' });
    await page.click('#channel-facts a:has-text("counter")');
    await page.waitForSelector('#actor-shows');
    assert.deepEqual(JSON.parse(await page.textContent('#actor-shows')), { n: 5, members: 1 });
    assert.match(await page.textContent('#actor-facts'), /Lease.*holds/);
    await picture(page, 'actor-dark');
    assert.deepEqual(page.faults, []);
  });

  test('block a user, see who is blocked, and let the user in again', async () => {
    const client = await connected_client(node, 'mallory');
    const page = await visit({ where: `#/connection/${client.id}` });
    const gone = event(client, 'disconnected', { ms: 30000 });
    await page.click('[data-action=block_user]');
    await page.fill('#confirm [name=reason]', 'spam');
    await page.click('#confirm-go');
    assert.equal((await gone).code, 3507);
    await page.waitForSelector('#confirm', { state: 'hidden' }); // keys lead nowhere while it asks
    await page.keyboard.press('g');
    await page.keyboard.press('b');
    await page.waitForSelector('.list tr[data-key=mallory]');
    await picture(page, 'blocked-light');
    await page.click('.list tr[data-key=mallory] [data-action=unblock_user]');
    await page.fill('#confirm [name=reason]', 'was a mistake');
    await page.click('#confirm-go');
    await page.waitForSelector('.list tr.empty');
    disconnect_all();
    await connected_client(node, 'mallory');
    assert.deepEqual(page.faults, []);
  });

  test('names that mean something to addresses and patterns lead where they should', async () => {
    const client = await connected_client(node, 'ann');
    for (const channel of ['chat:a&b+c', 'chat:?x', 'chat:s*r', 'chat:a/b']) {
      await subscribed(client, channel);
      const page = await visit({ where: `#/channel/${encodeURIComponent(channel)}` });
      await page.waitForSelector('#channel-nodes tr[data-node]');
      assert.equal(await page.textContent('#main h1'), channel);
      await page.click('text=Who is subscribed');
      await page.waitForFunction(() => document.querySelector('.matched').dataset.matched === '1');
      assert.deepEqual(page.faults, []);
    }
  });

  test('on a phone nothing is cut off', async () => {
    const client = await connected_client(node, 'ann');
    await subscribed(client, 'chat:lobby');
    for (const colorScheme of ['light', 'dark']) {
      const page = await visit({ viewport: phone, colorScheme });
      for (const where of ['overview', 'connections', 'channels', 'nodes', 'node/node-a', 'channel/chat%3Alobby', `connection/${client.id}`, 'blocked', 'actor/counted%3Alot', 'logs', 'audit']) {
        await page.evaluate((to) => { location.hash = `#/${to}`; }, where);
        await page.waitForFunction((name) => document.querySelector('#main').dataset.page === name, where.split('/')[0]);
        await page.waitForSelector({ overview: '#tiles .tile', connections: '.list tr[data-key]', channels: '.list tbody tr', nodes: '#nodes tr[data-node]',
          'node/node-a': '#backplane .facts', 'channel/chat%3Alobby': '#channel-nodes tr', blocked: '.list tbody tr', 'actor/counted%3Alot': '#main .problem, #actor-facts dl', logs: '#log-lines', audit: '#audit-lines li' }[where] || '#subscriptions tr');
        await fits(page);
        if (['overview', 'connections', 'node/node-a'].includes(where)) await picture(page, `${where.replace('/', '-')}-phone-${colorScheme}`);
      }
      assert.deepEqual(page.faults, []);
    }
  });

  test('who is signed in with a secret that was changed is asked for the new one', async () => {
    const page = await visit();
    await node.reload({ ...settings, admin: { secret: 'another one' } });
    await page.waitForSelector('#sign-in-note .problem');
    assert.equal(await page.isVisible('#frame'), false);
    await node.reload(settings);
    await page.fill('#secret', admin_secret);
    await page.click('#sign-in-go');
    await page.waitForSelector('#state[data-state=open]');
    assert.equal(await page.isVisible('#frame'), true);
  });

  test('drain the node, and take it back', async () => {
    const page = await visit({ where: '#/node/node-a' });
    await page.click('[data-action=drain]');
    await page.fill('#confirm [name=reason]', 'a new kernel');
    await page.click('#confirm-go');
    await page.waitForSelector('#node-state[data-state=warn]');
    assert.equal((await fetch(`${node.http}/health/ready`)).status, 503);
    await page.waitForSelector('[data-action=undrain]');
    await picture(page, 'node-drained-light');
    await page.click('[data-action=undrain]');
    await page.fill('#confirm [name=reason]', 'it is done');
    await page.click('#confirm-go');
    await page.waitForSelector('#node-state[data-state=good]');
    assert.equal((await fetch(`${node.http}/health/ready`)).status, 200);
    assert.deepEqual(page.faults, []);
  });
});
