// Who is connected: the list, searched and paged by the nodes, and one connection in full.
import { admin } from './socket.js';
import { action_button } from './actions.js';
import { paged_table } from './table.js';
import { bytes, count, day_clock, el, exact, facts, link, ms, problem, replace, missing_note, since, to } from './dom.js';

const short = (id) => id.slice(0, 8);

export function show_connections(root, query) {
  const table = new paged_table({
    method: 'connections', list: 'connections', key: (row) => row.client, open: (row) => to('connection', row.client),
    empty: 'Nobody like that is connected.',
    columns: [
      { name: 'User', sort: 'user', cell: (r) => el('a', { href: to('connection', r.client), title: r.client }, r.user || el('i', {}, 'no name'), ' ', el('code', {}, short(r.client))) },
      { name: 'Node', cell: (r) => link(r.node, 'node', r.node) },
      { name: 'Transport', cell: (r) => `${r.transport} · ${r.format}` },
      { name: 'Client', cell: (r) => (r.library ? `${r.library} ${r.library_version}` : '–') },
      { name: 'Since', sort: 'oldest', number: true, cell: (r) => since(r.since) },
      { name: 'Channels', number: true, cell: (r) => exact(r.channels) },
      { name: 'In', sort: 'received', number: true, cell: (r) => bytes(r.received.bytes) },
      { name: 'Out', sort: 'sent', number: true, cell: (r) => bytes(r.sent.bytes) },
      { name: 'Queue', sort: 'queue', number: true, cell: (r) => el(r.queue ? 'b.waits' : 'span', {}, bytes(r.queue)) },
      { name: 'Round trip', sort: 'rtt', number: true, cell: (r) => ms(r.rtt) },
    ],
  });
  const form = el('form.filters', { id: 'filters', submit: (e) => e.preventDefault() },
    el('input', { name: 'search', type: 'search', placeholder: 'User or client id contains…', 'aria-label': 'Search users and ids', value: query.search || '' }),
    el('input', { name: 'channel', type: 'search', placeholder: 'Subscribed to (chat:*)', 'aria-label': 'Channel', value: query.channel || '' }),
    el('input', { name: 'node', placeholder: 'Node', 'aria-label': 'Node', value: query.node || '' }),
    el('select', { name: 'transport', 'aria-label': 'Transport' }, el('option', { value: '' }, 'any transport'),
      ['websocket', 'http_stream', 'sse'].map((t) => el('option', { value: t }, t))),
    el('label.check', {}, el('input', { name: 'slow', type: 'checkbox' }), 'slow'));
  let later;
  const apply = () => {
    const f = form.elements;
    table.set({ ...(table.params.sort ? { sort: table.params.sort } : {}), search: f.search.value.trim(), channel: f.channel.value.trim(), node: f.node.value.trim(),
      transport: f.transport.value, slow: f.slow.checked });
  };
  form.addEventListener('input', () => { clearTimeout(later); later = setTimeout(apply, 200); });
  replace(root, el('h1', {}, 'Connections'), form, table.node);
  apply();
  form.elements.search.focus();
  return () => { clearTimeout(later); table.stop(); };
}

export function show_connection(root, _query, client) {
  const body = el('div', { id: 'connection' });
  const note = el('div');
  let last = null;
  replace(root, el('h1', {}, 'Connection ', el('code', {}, short(client))), note, body);
  return admin.watch('connection', { client }, '1s', (result, error) => {
    if (error) {
      replace(note, problem(error));
      body.classList.add('gone');
      if (last) body.dataset.gone = 'true';
      return;
    }
    replace(note, missing_note(result));
    const c = result.connection;
    body.classList.remove('gone');
    const first = !last;
    last = c;
    // Buttons stay where they are while figures change.
    if (first) {
      replace(body, el('div.buttons', {},
        link('Trace this connection', 'trace', 'client', client),
        c.user ? link('Trace this user', 'trace', 'user', c.user) : null,
        action_button('Disconnect', { title: 'Disconnect', method: 'disconnect', params: { client }, danger: true, label: 'Disconnect',
          text: `Closes the connection of ${c.user || 'a user without a name'}. With code 3503 the client stays away, with 3011 it comes again.`,
          fields: [{ name: 'code', label: 'Close code', kind: 'number', value: '3503', options: ['3503', '3011', '3000'] }] }),
        c.user ? action_button('Block user', { title: 'Block user', method: 'block_user', params: { user: c.user }, danger: true, label: 'Block',
          text: `Ends all connections of ${c.user} on every node, and lets none in until the time is over.`,
          fields: [{ name: 'for', label: 'For how long', value: '1h' }] }) : null),
      el('div', { id: 'connection-facts' }), el('h2', {}, 'Subscriptions'), el('div', { id: 'subscriptions' }));
    }
    replace(body.querySelector('#connection-facts'), facts([
      ['User', c.user || 'no name'], ['Client id', c.client], ['Node', link(`${c.node}, loop ${c.loop}`, 'node', c.node)],
      ['From', c.address], ['Since', `${day_clock(c.since * 1000)} (${since(c.since)})`],
      ['Transport', `${c.transport}, ${c.format}${c.tls ? ', TLS' : ''}${c.compression ? ', compressed' : ''}`],
      ['Client library', c.library ? `${c.library} ${c.library_version}` : 'not told'],
      ['Round trip', ms(c.rtt), 'Of the last ping'], ['Received', `${bytes(c.received.bytes)}, ${exact(c.received.messages)} messages`],
      ['Sent', `${bytes(c.sent.bytes)}, ${exact(c.sent.messages)} messages`],
      ['Waiting for it', `${bytes(c.queue)}${c.slow ? ', does not keep up' : ''}`], ['In its mailbox', exact(c.mailbox)],
      ['Token ends', c.expires_at ? day_clock(c.expires_at * 1000) : 'never'],
      ['Info', c.info ? JSON.stringify(c.info) : ''],
    ]));
    replace(body.querySelector('#subscriptions'), c.subscriptions.length ? el('div.table-box', {}, el('table', {},
      el('thead', {}, el('tr', {}, ['Channel', 'Position', 'Behind', 'How', ''].map((h) => el('th', { scope: 'col' }, h)))),
      el('tbody', {}, c.subscriptions.map((s) => el('tr', { 'data-channel': s.channel },
        el('td', {}, link(s.channel, 'channel', s.channel)),
        el('td', {}, s.position ? `${exact(s.position.offset)} · ${s.position.epoch}` : 'no history'),
        el('td', {}, s.behind ? `${count(s.behind)} publications` : c.queue ? `${bytes(c.queue)} queued` : 'nothing'),
        el('td', {}, !s.open ? 'opening' : s.server_side ? 'server-side' : 'asked for'),
        el('td', {}, action_button('Unsubscribe', { title: 'Unsubscribe', method: 'unsubscribe', params: { client, channel: s.channel },
          text: `Takes ${c.user || short(client)} out of ${s.channel}.`, label: 'Unsubscribe', danger: true })))))))
      : el('p.quiet', {}, 'It is subscribed to nothing.'));
  });
}
