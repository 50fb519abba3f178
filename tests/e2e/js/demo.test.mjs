// The demo page in a real browser: two people in a room, their list and pointers, a publication of the back end,
// and the plug pulled. Pictures of it go to build/screenshots.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { api_key, eventually, remove, root, secret, start_node } from './support.mjs';

const program = process.env.PLEXUS_CHROMIUM || '/usr/bin/chromium';
const pictures = process.env.PLEXUS_SCREENSHOTS || join(root, 'build/screenshots');
const desktop = { width: 1280, height: 860 };
const phone = { width: 390, height: 844 };
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

describe('the demo page', { timeout: 180000 }, () => {
  let node, browser, profile;
  let contexts = [];

  before(async () => {
    assert.ok(existsSync(program), `there is no browser at ${program}`);
    await mkdir(pictures, { recursive: true });
    node = await start_node({}, { file: join(root, 'config/demo.json'), args: ['--set', 'listen.port=0'],
      env: { PLEXUS_API__KEY: api_key, PLEXUS_CLIENT__TOKEN__HMAC_SECRET: secret } });
    profile = await mkdtemp(join(tmpdir(), 'plexus-chromium-'));
    browser = await chromium.launch({ executablePath: program, args: [...flags, `--disk-cache-dir=${profile}`],
      timeout: 20000, env: { ...process.env, HOME: profile } });
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    // The room is empty before the next test: a closed page is a clean leave, a killed one has 2 s of grace.
    await eventually(() => node.api('presence_stats', { channel: 'chat:lobby' }), (s) => s.num_clients === 0,
      'an empty room', 5000);
  });
  after(async () => {
    if (browser) await browser.close();
    if (node) await node.stop();
    if (profile) await remove(profile);
  });

  /// A page of its own visitor; what it says on the console and which hosts it asks is kept and checked at the end.
  async function visit(name, options = { viewport: desktop }) {
    const context = await browser.newContext({ ...options, locale: 'en-GB' });
    contexts.push(context);
    if (name) await context.addInitScript((n) => {
      if (!sessionStorage.getItem('plexus-name')) sessionStorage.setItem('plexus-name', n);
    }, name);
    const page = await context.newPage();
    page.setDefaultTimeout(8000);
    page.faults = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) page.faults.push(`${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => page.faults.push(`exception: ${error.message}`));
    page.on('requestfailed',
      (request) => page.faults.push(`failed: ${request.url()} ${request.failure().errorText}`));
    const own = new URL(node.http).host;
    const check = (url) => {
      const { host, protocol } = new URL(url);
      if (host !== own && protocol !== 'data:') page.faults.push(`asked another host: ${url}`);
    };
    page.on('request', (request) => check(request.url()));
    page.on('response', (response) => {
      if (response.status() >= 400) page.faults.push(`${response.status()}: ${response.url()}`);
    });
    page.on('websocket', (socket) => check(socket.url()));
    await page.goto(node.http + '/', { waitUntil: 'load' });
    await page.waitForSelector('#state[data-state=connected]');
    await page.waitForSelector('#members li.you');
    return page;
  }

  const without_faults = (...pages) => { for (const page of pages) assert.deepEqual(page.faults, []); };
  const texts = (page) => page.$$eval('#messages [data-text]', (list) => list.map((e) => e.dataset.text));
  const offsets = (page) =>
    page.$$eval('#messages [data-offset]', (list) => list.map((e) => Number(e.dataset.offset)));
  const members = (page) => page.$$eval('#members [data-client]', (list) => list.map((e) => e.dataset.user).sort());
  const shown = (page, text) => page.waitForSelector(`#messages [data-text=${JSON.stringify(text)}]`);
  const count = (page, n) => page.waitForFunction((k) =>
    document.querySelector('#member-count').textContent === String(k) &&
    document.querySelectorAll('#members [data-client]').length === k, n);
  const say = async (page, text) => {
    await page.fill('#chat-input', text);
    await page.click('#chat-send');
  };
  const picture = (page, name, options) => page.screenshot({ path: join(pictures, `${name}.png`), ...options });
  const wider_than_window = (page) =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

  /// How far the list of messages could still be scrolled, in pixels.
  const beyond_the_end = (page) => page.$eval('#messages', (e) => e.scrollHeight - e.scrollTop - e.clientHeight);

  test('two people talk; the list has both, and loses who goes', async () => {
    const [ann, bob] = await Promise.all([visit('Ann'), visit('Bob')]);
    await Promise.all([count(ann, 2), count(bob, 2)]);
    assert.deepEqual(await members(ann), ['Ann', 'Bob']);
    assert.deepEqual(await members(bob), ['Ann', 'Bob']);
    await say(ann, 'Hello Bob');
    await shown(bob, 'Hello Bob');
    await say(bob, 'Hello Ann, <b>not bold</b> & "quoted"');
    await Promise.all([ann, bob].map((page) =>
      page.waitForFunction(() => document.querySelectorAll('#messages [data-text]').length === 2)));
    assert.deepEqual(await texts(ann), ['Hello Bob', 'Hello Ann, <b>not bold</b> & "quoted"']);
    assert.deepEqual(await texts(bob), await texts(ann));
    assert.equal(await ann.$$eval('#messages b', (list) => list.some((b) => b.textContent === 'not bold')), false);
    assert.equal(await ann.inputValue('#chat-input'), '');
    assert.ok(await ann.$$eval('#frames li', (list) => list.length) > 3);
    await bob.close();
    await count(ann, 1);
    assert.deepEqual(await members(ann), ['Ann']);
    without_faults(ann, bob);
  });

  test('who comes later sees what was said before', async () => {
    await node.api('publish', { channel: 'chat:lobby', data: { text: 'You are late' } });
    const before_it = await node.api('history', { channel: 'chat:lobby', limit: -1 });
    const page = await visit('Late');
    await page.waitForFunction((n) => document.querySelectorAll('#messages [data-text]').length === n,
      before_it.publications.length);
    assert.deepEqual(await offsets(page), before_it.publications.map((p) => p.offset));
    without_faults(page);
  });

  test('a publication of the back end is on both pages', async () => {
    const [ann, bob] = await Promise.all([visit('Ann'), visit('Bob')]);
    await node.api('publish', { channel: 'chat:lobby', data: { text: 'Hello from the back end' } });
    await Promise.all([ann, bob].map((page) => shown(page, 'Hello from the back end')));
    // Whatever a back end may send, the page stands it.
    for (const data of [null, 7, 'plain text', { no: 'text' }, { text: 5 }, []])
      await node.api('publish', { channel: 'chat:lobby', data });
    await node.api('publish', { channel: 'chat:lobby', data: { text: 'the last of these' } });
    await Promise.all([ann, bob].map((page) => shown(page, 'the last of these')));
    assert.deepEqual(await offsets(ann), await offsets(bob));
    without_faults(ann, bob);
  });

  test('who types is seen typing by the others, until the message is out', async () => {
    const [ann, bob] = await Promise.all([visit('Ann'), visit('Bob')]);
    await Promise.all([count(ann, 2), count(bob, 2)]);
    await ann.type('#chat-input', 'Wait');
    await bob.waitForSelector('#members .typing[data-user=Ann]');
    assert.equal(await bob.textContent('#typing'), 'Ann is typing …');
    await picture(bob, 'demo-desktop-typing');
    await ann.click('#chat-send');
    await shown(bob, 'Wait');
    await bob.waitForFunction(() => !document.querySelector('#members .typing'));
    assert.equal(await bob.textContent('#typing'), '');
    assert.equal(await ann.textContent('#typing'), '', 'one is not told of oneself');
    without_faults(ann, bob);
  });

  test('every file of the page is served, and not sent again to those who have it', async () => {
    const types = { html: 'text/html', css: 'text/css', js: 'text/javascript' };
    const files = [...await readdir(join(root, 'transport/demo/page')), 'centrifuge.js'];
    const page = await (await fetch(node.http + '/')).text();
    for (const file of files) {
      const path = file === 'index.html' ? '/' : `/demo/${file}`;
      assert.ok(path === '/' || page.includes(`"${path}"`), `${path} isn't named in the page`);
      const first = await fetch(node.http + path);
      assert.equal(first.status, 200, path);
      assert.equal(first.headers.get('content-type'), `${types[file.split('.').pop()]}; charset=utf-8`, path);
      assert.equal(first.headers.get('content-length'), String((await first.arrayBuffer()).byteLength), path);
      const tag = first.headers.get('etag');
      const again = await fetch(node.http + path, { headers: { 'If-None-Match': tag } });
      assert.deepEqual([again.status, await again.text(), again.headers.get('etag')], [304, '', tag], path);
      assert.equal((await fetch(node.http + path, { headers: { 'If-None-Match': '"other"' } })).status, 200, path);
    }
  });

  test('the pointer of one moves on the page of the other', async () => {
    const [ann, bob] = await Promise.all([visit('Ann'), visit('Bob')]);
    await count(bob, 2);
    const box = await (await ann.$('#room')).boundingBox();
    const move = (x, y) => ann.mouse.move(box.x + box.width * x, box.y + box.height * y);
    const there = (x, y) => bob.waitForFunction(([l, t]) => {
      const node = document.querySelector('#cursors [data-client]');
      return node && Math.abs(parseFloat(node.style.left) - l) < 0.5 &&
        Math.abs(parseFloat(node.style.top) - t) < 0.5;
    }, [x * 100, y * 100]);
    await move(0.25, 0.25);
    await there(0.25, 0.25);
    for (let i = 0; i <= 20; ++i) await move(0.25 + i * 0.02, 0.25 + i * 0.01);
    await there(0.65, 0.45);
    assert.equal((await bob.$$('#cursors [data-client]')).length, 1);
    assert.equal((await ann.$$('#cursors [data-client]')).length, 0);
    await picture(bob, 'demo-desktop-cursor');
    await ann.close();
    await bob.waitForFunction(() => !document.querySelector('#cursors [data-client]'));
    without_faults(ann, bob);
  });

  test('the plug is pulled: all that was said meanwhile is recovered, nothing is lost', async () => {
    const [ann, bob] = await Promise.all([visit('Ann'), visit('Bob')]);
    await say(ann, 'I am about to be cut off');
    await Promise.all([ann, bob].map((page) => shown(page, 'I am about to be cut off')));
    const last_seen = Math.max(...await offsets(ann));
    await ann.$eval('#drop', (e) => { e.dataset.seconds = '4'; });
    await ann.click('#drop');
    await ann.waitForSelector('#state[data-state=connecting]');
    for (let n = 1; n <= 5; ++n)
      await node.api('publish', { channel: 'chat:lobby', data: { text: `missed ${n}` } });
    assert.equal((await texts(ann)).includes('missed 5'), false);
    await say(bob, 'Ann, are you there?');
    await Promise.all([shown(bob, 'missed 5'), shown(bob, 'Ann, are you there?'),
      picture(ann, 'demo-desktop-offline')]);
    await ann.waitForSelector('#state[data-state=connected]', { timeout: 10000 });
    await ann.waitForSelector('#recovery-summary[data-lost]', { timeout: 10000 });
    const { missed, recovered, lost } = await ann.$eval('#recovery-summary', (e) => ({ ...e.dataset }));
    assert.equal(lost, '0');
    assert.equal(recovered, missed);
    const marked = await ann.$$eval('#messages [data-recovered=true]', (list) =>
      list.map((e) => [Number(e.dataset.offset), e.dataset.text]));
    assert.equal(marked.length, Number(recovered));
    assert.deepEqual(marked.map(([offset]) => offset), marked.map((_, i) => last_seen + 1 + i));
    const said = marked.map(([, text]) => text);
    for (const text of ['Ann, are you there?', ...[1, 2, 3, 4, 5].map((n) => `missed ${n}`)])
      assert.equal(said.filter((t) => t === text).length, 1, text);
    assert.match(await ann.textContent('#recovery-summary'), /missed, \d+ recovered, 0 lost/);
    assert.ok(await beyond_the_end(ann) < 2, 'the last message is not in sight');
    await picture(ann, 'demo-desktop-recovered', { fullPage: true });

    await ann.waitForSelector('#drop:not([disabled])');
    await say(ann, 'Back again');
    await Promise.all([ann, bob].map((page) => shown(page, 'Back again')));
    assert.deepEqual(await offsets(ann), await offsets(bob));
    assert.deepEqual(await members(bob), ['Ann', 'Bob']);
    without_faults(ann, bob);
  });

  test('a reloaded page keeps its name and its past', async () => {
    const data = { text: 'Still here after a reload' };
    const { offset } = await node.api('publish', { channel: 'chat:lobby', data });
    const page = await visit('Ann');
    await page.waitForSelector(`#messages [data-offset="${offset}"]`);
    const seen = await offsets(page);
    await page.reload();
    await page.waitForSelector('#state[data-state=connected]');
    await page.waitForSelector(`#messages [data-offset="${offset}"]`);
    assert.deepEqual(await offsets(page), seen);
    assert.equal(await page.inputValue('#name'), 'Ann');
    without_faults(page);
  });

  test('on a phone everything is in reach, and nothing sticks out', async () => {
    for (let n = 1; n <= 12; ++n) // more than the list has room for
      await node.api('publish', { channel: 'chat:lobby', data: { text: `earlier ${n}` } });
    const [bob, ann] = await Promise.all([visit('Bob'),
      visit('Ann', { viewport: phone, deviceScaleFactor: 2, isMobile: true, hasTouch: true })]);
    await count(ann, 2);
    await ann.fill('#chat-input', 'From the phone');
    await ann.tap('#chat-send');
    await shown(bob, 'From the phone');
    await say(bob, 'A long line from the desktop, long enough that a narrow window has to break it somewhere: ' +
      'https://example.com/' + 'x'.repeat(120));
    await ann.waitForFunction(() => [...document.querySelectorAll('#messages [data-text]')]
      .some((e) => e.dataset.text.startsWith('A long line')));
    assert.ok(await wider_than_window(ann) <= 0, 'the page is wider than the phone');
    await picture(ann, 'demo-phone');
    await picture(ann, 'demo-phone-full', { fullPage: true });
    await ann.$eval('#drop', (e) => { e.dataset.seconds = '1'; });
    await ann.tap('#drop');
    await ann.waitForSelector('#recovery-summary[data-lost]', { timeout: 10000 });
    assert.equal(await ann.$eval('#recovery-summary', (e) => e.dataset.lost), '0');
    assert.ok(await beyond_the_end(ann) < 2, 'the last message is not in sight');
    await picture(ann, 'demo-phone-recovered', { fullPage: true });
    without_faults(ann, bob);
  });

  test('light and dark', async () => {
    const [light, dark] = await Promise.all([visit('Ann', { viewport: desktop, colorScheme: 'light' }),
      visit('Bob', { viewport: desktop, colorScheme: 'dark' })]);
    await Promise.all([count(light, 2), count(dark, 2)]);
    await picture(light, 'demo-desktop-light', { fullPage: true });
    await picture(dark, 'demo-desktop-dark', { fullPage: true });
    const colour = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.notEqual(await colour(light), await colour(dark));
    assert.ok(await wider_than_window(light) <= 0);
    without_faults(light, dark);
  });
});
