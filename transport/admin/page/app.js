// The page itself: signing in, finding the way by the address behind #, keys, the search and the theme.
import { admin } from './socket.js';
import { $, el, problem, replace, to } from './dom.js';
import { show_overview } from './overview.js';
import { show_actor } from './actor.js';
import { show_blocked } from './blocked.js';
import { show_channel, show_channels } from './channels.js';
import { show_connection, show_connections } from './connections.js';
import { show_audit, show_logs } from './logs.js';
import { show_node, show_nodes } from './nodes.js';
import { show_trace } from './trace.js';

const pages = { overview: show_overview, connections: show_connections, connection: show_connection, channels: show_channels,
  channel: show_channel, nodes: show_nodes, node: show_node, actor: show_actor, blocked: show_blocked, logs: show_logs, audit: show_audit, trace: show_trace };
const tabs = { connection: 'connections', channel: 'channels', node: 'nodes', actor: 'channels', trace: 'connections' };
const keys = { o: 'overview', c: 'connections', h: 'channels', n: 'nodes', b: 'blocked', l: 'logs', a: 'audit' };

// ---------------------------------------------------------------------------------------------------- the way

let leave = null;

function go() {
  leave?.();
  leave = null;
  // Names are escaped, so a question mark begins what is asked for.
  const [path, asked_for = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
  const parts = path.split('/').filter(Boolean).map((p) => {
    try { return decodeURIComponent(p); } catch { return p; }
  });
  const query = Object.fromEntries(new URLSearchParams(asked_for));
  const [name = 'overview', ...rest] = parts;
  const page = pages[name] || pages.overview;
  const tab = tabs[name] || name;
  for (const link of document.querySelectorAll('#tabs a')) {
    if (link.dataset.tab === tab) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${rest[rest.length - 1] || name} · Plexus`;
  $('main').dataset.page = name;
  window.scrollTo(0, 0);
  leave = page($('main'), query, ...rest);
}

// ------------------------------------------------------------------------------------------------ signing in

const kept = 'plexus-admin';

function leave_page() {
  leave?.();
  leave = null;
  sessionStorage.removeItem(kept);
  $('frame').hidden = true;
  $('sign-in').hidden = false;
  $('main').replaceChildren();
}

async function sign_in(secret, quiet) {
  replace($('sign-in-note'));
  $('sign-in-go').disabled = true;
  try {
    const hello = await admin.sign_in(secret);
    sessionStorage.setItem(kept, secret); // for a reload of this tab, gone with it
    $('sign-in').hidden = true;
    $('frame').hidden = false;
    $('who').textContent = `${hello.node} · ${hello.access === 'write' ? 'may act' : 'may look'}`;
    go();
  } catch (error) {
    if (error.code === 101) sessionStorage.removeItem(kept);
    admin.sign_out();
    if (!quiet) replace($('sign-in-note'), problem(error.code === 101 ? new Error('That is not the secret.') : error));
    $('sign-in').hidden = false;
    $('secret').focus();
  } finally {
    $('sign-in-go').disabled = false;
  }
}

$('sign-in-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const secret = $('secret').value.trim();
  $('secret').value = '';
  if (secret) sign_in(secret, false);
});
$('sign-out').addEventListener('click', () => {
  leave_page();
  admin.sign_out();
});
// While the page was open: the secret was changed, the token has ended.
admin.addEventListener('refused', () => {
  if ($('frame').hidden) return; // the form says so itself
  leave_page();
  replace($('sign-in-note'), problem(new Error('What you signed in with does not hold any more.')));
});
admin.addEventListener('state', ({ detail }) => {
  $('state').dataset.state = detail;
  $('state').textContent = { open: 'live', connecting: 'connecting…', closed: 'connection lost' }[detail];
});

// --------------------------------------------------------------------------------------------------- search

let asked = 0;

async function look(text) {
  const mine = ++asked;
  const found = [];
  if (text) {
    const pattern = /[*?]/.test(text) ? text : `*${text}*`;
    const [people, channels, nodes] = await Promise.all([
      admin.request('connections', { search: text, limit: 6, sort: 'user' }), admin.request('channels', { pattern, limit: 6 }),
      admin.request('nodes')].map((p) => p.catch(() => null)));
    if (mine !== asked) return;
    for (const c of people?.connections || []) found.push(['connection', c.user || 'no name', `${c.client.slice(0, 8)} on ${c.node}`, to('connection', c.client)]);
    if (people && people.matched > 1) found.push(['all', `${people.matched} connections`, `that match “${text}”`, to('connections', { search: text })]);
    for (const c of channels?.channels || []) found.push(['channel', c.channel, `${c.subscribers} subscribers`, to('channel', c.channel)]);
    for (const n of nodes?.nodes || []) if (n.node.includes(text)) found.push(['node', n.node, n.state, to('node', n.node)]);
  }
  replace($('found'), found.map(([kind, name, more, href], i) => el('li', {}, el('a', { href, 'data-kind': kind, 'aria-selected': i === 0 ? 'true' : 'false', click: () => $('search').close() },
    el('span.kind', {}, kind), el('b', {}, name), el('span.quiet', {}, more)))));
  if (text && !found.length) replace($('found'), el('li.quiet', {}, 'Nothing like that.'));
}

function open_search() {
  if ($('frame').hidden || $('search').open) return;
  $('search-text').value = '';
  $('found').replaceChildren();
  $('search').showModal();
  $('search-text').focus();
}

let typing;
$('search-text').addEventListener('input', () => { clearTimeout(typing); typing = setTimeout(() => look($('search-text').value.trim()), 150); });
$('search-text').addEventListener('keydown', (event) => {
  const links = [...$('found').querySelectorAll('a')];
  const at = links.findIndex((l) => l.getAttribute('aria-selected') === 'true');
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && links.length) {
    event.preventDefault();
    links[at]?.setAttribute('aria-selected', 'false');
    links[(at + step + links.length) % links.length].setAttribute('aria-selected', 'true');
  } else if (event.key === 'Enter' && links[at]) {
    event.preventDefault();
    links[at].click();
  }
});
$('search-open').addEventListener('click', open_search);

// ----------------------------------------------------------------------------------------------------- keys

let before = '';
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    if (event.key === 'k') { event.preventDefault(); open_search(); }
    return;
  }
  if (event.target.matches('input,textarea,select') || document.querySelector('dialog[open]')) return;
  if (event.key === '/') { event.preventDefault(); open_search(); }
  else if (event.key === '?') $('help').showModal();
  else if (before === 'g' && keys[event.key]) location.hash = to(keys[event.key]);
  before = event.key;
});
for (const box of document.querySelectorAll('dialog')) box.addEventListener('click', (event) => { if (event.target === box) { box.close(); box.oncancel?.(); } });

// ---------------------------------------------------------------------------------------------------- theme

const themes = ['auto', 'light', 'dark'];
function set_theme(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  $('theme').textContent = { auto: '◐', light: '○', dark: '●' }[theme];
  $('theme').title = `Theme: ${theme}`;
  localStorage.setItem('plexus-theme', theme);
}
$('theme').addEventListener('click', () => set_theme(themes[(themes.indexOf(localStorage.getItem('plexus-theme') || 'auto') + 1) % 3]));
set_theme(themes.includes(localStorage.getItem('plexus-theme')) ? localStorage.getItem('plexus-theme') : 'auto');

window.addEventListener('hashchange', () => { if (!$('frame').hidden) go(); });
const stored = sessionStorage.getItem(kept);
if (stored) sign_in(stored, true);
else { $('sign-in').hidden = false; $('secret').focus(); }
