// The pages of the examples' channel actors in a real browser, each with the configuration that its folder ships: two
// people open it, one does something, the other sees it. Pictures of it go to build/screenshots.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { chromium } from 'playwright-core';

import { binary, eventually, plugin, remove, root, start_node } from './support.mjs';

const run = promisify(execFile);
const program = process.env.PLEXUS_CHROMIUM || '/usr/bin/chromium';
const pictures = process.env.PLEXUS_SCREENSHOTS || join(root, 'build/screenshots');

describe('the pages of the examples', { timeout: 120000 }, () => {
  let node, browser, profile, contexts = [];

  before(async () => {
    await mkdir(pictures, { recursive: true });
    profile = await mkdtemp(join(tmpdir(), 'plexus-chromium-'));
    browser = await chromium.launch({ executablePath: program, timeout: 20000,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
      env: { ...process.env, HOME: profile } });
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    if (node) await node.stop();
    node = null;
  });
  after(async () => {
    if (browser) await browser.close();
    if (profile) await remove(profile);
  });

  /// As the README says: the example's own configuration, tokens by `plexus token`, and the page from its file.
  async function serve(example) {
    const file = join(root, 'examples', example, 'plexus.json');
    const token = async (user) => (await run(binary, ['token', '--config', file, '--user', user])).stdout.trim();
    node = await start_node({}, { file,
      args: ['--set', 'listen.port=0', '--set', `plugins=["${plugin(example)}"]`] });
    return async (user) => {
      const context = await browser.newContext({ viewport: { width: 1024, height: 700 } });
      contexts.push(context);
      const page = await context.newPage();
      page.setDefaultTimeout(8000);
      page.faults = [];
      page.on('console', (message) => {
        const own = message.text().includes('willReadFrequently'); // of `ink`
        if (!own && ['error', 'warning'].includes(message.type())) page.faults.push(`${message.type()}: ${message.text()}`);
      });
      page.on('pageerror', (error) => page.faults.push(`exception: ${error.message}`));
      page.on('requestfailed', (r) => page.faults.push(`failed: ${r.url()} ${r.failure().errorText}`));
      const query = new URLSearchParams({ node: node.http, ...(user && { token: await token(user) }) });
      await page.goto(`${pathToFileURL(join(root, 'examples', example, 'index.html'))}?${query}`);
      return page;
    };
  }
  const shows = (page, selector, text) => page.waitForFunction(([where, what]) =>
    document.querySelector(where).textContent.includes(what), [selector, text]);
  const picture = (page, name) => page.screenshot({ path: join(pictures, `example-${name}.png`) });
  const without_faults = (...pages) => { for (const page of pages) assert.deepEqual(page.faults, []); };
  /// How much is drawn in a part of a canvas, in pixels.
  const ink = (page, x, y, width, height) => page.evaluate((part) => {
    const { data } = document.querySelector('canvas').getContext('2d').getImageData(...part);
    return data.filter((value, i) => i % 4 === 3 && value > 0).length;
  }, [x, y, width, height]);

  test('auction: a bid is on both pages, one that is too low is refused to its bidder alone', async () => {
    const visit = await serve('auction');
    const [ann, bob] = await Promise.all([visit('ann'), visit('bob')]);
    await Promise.all([ann, bob].map((page) => shows(page, '#leader', 'no bid yet')));
    await ann.click('#open');
    await Promise.all([ann, bob].map((page) => shows(page, '#phase', 'seconds to go')));
    await ann.click('[data-more="10"]');
    await Promise.all([ann, bob].map((page) => shows(page, '#leader', 'ann leads, 1 bid')));
    await bob.click('[data-more="1"]');
    await Promise.all([ann, bob].map((page) => shows(page, '#leader', 'bob leads, 2 bids')));
    const price = await bob.textContent('#price');
    assert.equal(await ann.textContent('#price'), price);
    await bob.click('#open'); // it is open
    await bob.waitForFunction(() => document.querySelector('#no').textContent !== '');
    assert.equal(await ann.textContent('#no'), '');
    const late = await visit('carl'); // the lot as it stands
    await shows(late, '#leader', 'bob leads, 2 bids');
    assert.equal(await late.textContent('#price'), price);
    await picture(bob, 'auction');
    const nobody = await visit(''); // whoever has no token is told
    await shows(nobody, '#no', '?token=');
    without_faults(ann, bob, late, nobody);
  });

  test('whiteboard: a line is on both pages and for who comes later, until it is cleared', async () => {
    const visit = await serve('whiteboard');
    const [ann, bob] = await Promise.all([visit('ann'), visit('bob')]);
    await Promise.all([ann, bob].map((page) => page.waitForFunction(() => document.querySelector('canvas').width > 900)));
    await ann.mouse.move(200, 200);
    await ann.mouse.down();
    await ann.mouse.move(500, 400, { steps: 10 });
    await ann.mouse.up();
    const drawn = (page) => eventually(() => ink(page, 340, 280, 40, 40), (n) => n > 50, 'the line');
    await Promise.all([ann, bob].map(drawn));
    const late = await visit('carl');
    await drawn(late);
    await picture(late, 'whiteboard');
    await bob.click('#clear');
    for (const page of [ann, bob, late])
      await eventually(() => ink(page, 340, 280, 40, 40), (n) => n === 0, 'the empty board');
    without_faults(ann, bob, late);
  });

  test('game: a player who moves is seen to move by the other', async () => {
    const visit = await serve('game');
    const [ann, bob] = await Promise.all([visit('ann'), visit('bob')]);
    // Both begin in the middle.
    await Promise.all([ann, bob].map((page) => eventually(() => ink(page, 480, 280, 40, 40), (n) => n > 100, 'somebody')));
    await ann.keyboard.down('ArrowRight');
    for (const page of [ann, bob])
      await eventually(() => ink(page, 900, 280, 100, 40), (n) => n > 100, 'ann at the wall', 8000);
    await ann.keyboard.up('ArrowRight');
    assert.ok(await ink(bob, 480, 280, 40, 40) > 100, 'bob has stayed');
    await Promise.all([ann, bob].map((page) => page.waitForFunction(() =>
      parseInt(document.querySelector('#rate').textContent, 10) >= 20)));
    await picture(bob, 'game');
    without_faults(ann, bob);
  });
});
