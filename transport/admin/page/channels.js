// The channels in use: the list by pattern, and one in full: subscribers, members, what each node has seen beside what
// the backplane keeps.
import { admin } from './socket.js';
import { action_button } from './actions.js';
import { paged_table } from './table.js';
import { bytes, count, day_clock, el, exact, exactly, facts, link, problem, replace, missing_note, span, to } from './dom.js';

export function show_channels(root, query) {
  const table = new paged_table({
    method: 'channels', list: 'channels', key: (row) => row.channel, open: (row) => to('channel', row.channel),
    empty: 'No channel of that name is in use.',
    columns: [
      { name: 'Channel', sort: 'name', cell: (r) => link(r.channel, 'channel', r.channel) },
      { name: 'Subscribers', sort: 'subscribers', number: true, cell: (r) => exact(r.subscribers) },
      { name: 'Publications/s', sort: 'rate', number: true, cell: (r) => count(r.publications_per_second) },
      { name: 'Publications', number: true, cell: (r) => count(r.publications) },
      { name: 'Bytes', number: true, cell: (r) => bytes(r.bytes) },
      { name: 'Position', number: true, cell: (r) => (r.position ? exact(r.position.offset) : '–') },
      { name: 'Nodes', number: true, cell: (r) => exact(r.nodes) },
    ],
  });
  const form = el('form.filters', { id: 'filters', submit: (e) => e.preventDefault() },
    el('input', { name: 'pattern', type: 'search', placeholder: 'Pattern: chat:* or *lobby*', 'aria-label': 'Pattern', value: query.pattern || '' }));
  let later;
  const apply = () => {
    let pattern = form.elements.pattern.value.trim();
    if (pattern && !/[*?]/.test(pattern)) pattern = `*${pattern}*`;
    table.set({ ...(table.params.sort ? { sort: table.params.sort } : {}), pattern });
  };
  form.addEventListener('input', () => { clearTimeout(later); later = setTimeout(apply, 200); });
  replace(root, el('h1', {}, 'Channels'), form, table.node);
  apply();
  form.elements.pattern.focus();
  return () => { clearTimeout(later); table.stop(); };
}

export function show_channel(root, _query, channel) {
  const note = el('div'), figures = el('div', { id: 'channel-facts' }), seen = el('div', { id: 'channel-nodes' }),
    members = el('div', { id: 'channel-members' }), history = el('div', { id: 'channel-history' });
  let payloads = false, end = null;
  const show_payloads = el('label.check', {}, el('input', { type: 'checkbox', id: 'payloads', change: (e) => { payloads = e.target.checked; watch(); } }),
    'show payloads');
  replace(root, el('h1', {}, channel), note, el('div.buttons', {}, link('Trace this channel', 'trace', 'channel', channel),
    link('Who is subscribed', 'connections', { channel: exactly(channel) }),
    action_button('Publish', { title: 'Publish', method: 'publish', params: { channel }, label: 'Publish',
      text: `To everyone in ${channel}, on every node.`, fields: [{ name: 'data', label: 'Data, as JSON', kind: 'area', value: '{}' }] })),
  figures, el('h2', {}, 'What each node has seen'), seen, el('h2', {}, 'Members'), members,
  el('h2', {}, 'History in the backplane ', show_payloads), history);

  const draw = (result, error) => {
    if (error) { replace(note, problem(error)); return; }
    replace(note, missing_note(result));
    const top = result.history?.position?.offset ?? null;
    const o = result.options;
    replace(figures, facts([
      ['Subscribers', exact(result.subscribers)],
      ['Publications a second', count(Math.max(0, ...result.nodes.map((n) => n.publications_per_second || 0)))],
      ['Position in the backplane', top === null ? 'no history' : `${exact(top)} · ${result.history.position.epoch}`],
      ['History', o.history_size ? `${exact(o.history_size)} publications for ${span(o.history_ttl / 1000)}` : 'none'],
      ['Presence', o.presence ? 'kept' : 'not kept'], ['Slow readers', o.on_slow], ['Durability', o.durability],
      ['Channel actor', o.actor ? link(o.actor, 'actor', channel) : ''],
    ]));
    replace(seen, el('div.table-box', {}, el('table', {}, el('thead', {}, el('tr', {}, ['Node', 'Subscribers', 'Position', 'Beside the backplane', 'Publications', 'State'].map((h) => el('th', { scope: 'col' }, h)))),
      el('tbody', {}, result.nodes.filter((n) => n.in_use).map((n) => {
        const behind = top !== null && n.position ? top - n.position.offset : null;
        return el('tr', { 'data-node': n.node }, el('td', {}, link(n.node, 'node', n.node)), el('td.number', {}, exact(n.subscribers)),
          el('td.number', {}, n.position ? exact(n.position.offset) : '–'),
          el('td', {}, behind === null ? '–' : behind <= 0 ? 'level' : el('b.waits', {}, `${exact(behind)} behind`)),
          el('td.number', {}, exact(n.publications)), el('td', {}, n.catching_up ? 'catching up' : n.occupied ? 'follows' : 'publishes only'));
      })))));
    if (!result.nodes.some((n) => n.in_use)) replace(seen, el('p.quiet', {}, 'No node has anybody in it at the moment.'));
    const m = result.members;
    replace(members, !m ? el('p.quiet', {}, 'Presence is not kept for this channel.') : m.error ? problem(new Error(m.error)) : el('div', {},
      el('p', {}, `${exact(m.clients)} connections of ${exact(m.users)} users${m.first.length < m.clients ? `; the first ${m.first.length}:` : ''}`),
      el('ul.people', {}, m.first.map((p) => el('li', {}, link(p.user || p.client.slice(0, 8), 'connection', p.client))))));
    const h = result.history;
    replace(history, !h ? el('p.quiet', {}, 'No history is kept for this channel.') : h.error ? problem(new Error(h.error)) : el('ol.history', {}, h.last.map((p) =>
      el('li', { 'data-offset': p.offset }, el('b', {}, `#${exact(p.offset)}`), el('span', {}, day_clock(p.time)), el('span', {}, bytes(p.bytes)),
        el('span', {}, p.by ? link(p.by.user || p.by.client.slice(0, 8), 'connection', p.by.client) : 'back end'),
        payloads ? el('code.payload', {}, p.binary ? 'binary' : JSON.stringify(p.data)) : null))));
  };
  const watch = () => {
    end?.();
    end = admin.watch('channel', { channel, payloads }, '1s', draw);
  };
  watch();
  return () => end?.();
}
