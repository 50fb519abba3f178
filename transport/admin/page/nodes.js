// Nodes: the list, and one in full: its loops, its actors, its backplane, and what can be done to it.
import { admin } from './socket.js';
import { action_button } from './actions.js';
import { meter } from './charts.js';
import { judge } from './overview.js';
import { bytes, clock, count, el, exact, facts, link, ms, problem, replace, missing_note, span } from './dom.js';

const head = (...names) => el('thead', {}, el('tr', {}, names.map((n) => el('th', { scope: 'col' }, n))));
const box = (...table) => el('div.table-box', {}, el('table', {}, ...table));

export function show_nodes(root) {
  const note = el('div'), list = el('div', { id: 'nodes' });
  replace(root, el('h1', {}, 'Nodes'), note, list);
  return admin.watch('nodes', {}, '2s', (result, error) => {
    if (error) { replace(note, problem(error)); return; }
    replace(note, missing_note(result));
    const nodes = result.nodes.sort((a, b) => a.node.localeCompare(b.node));
    replace(list, box(head('Node', 'State', 'Connections', '', 'Memory', 'Load', 'Largest lag', 'Up', 'Version'),
      el('tbody', {}, nodes.map((n) => {
        const [state, words] = judge(n);
        return el('tr', { 'data-node': n.node }, el('td', {}, link(n.node, 'node', n.node)),
          el('td', {}, el('span.state', { 'data-state': state }, words)), el('td.number', {}, exact(n.clients)),
          el('td', {}, meter(n.clients, n.max_clients)), el('td.number', {}, bytes(n.memory)),
          el('td.number', {}, n.load.length ? n.load[0].toFixed(2) : '–'), el('td.number', {}, ms(Math.max(...n.loops.map((l) => l.lag)))),
          el('td.number', {}, span(n.uptime)), el('td', {}, n.version));
      }))));
  });
}

export function show_node(root, _query, name) {
  const note = el('div'), buttons = el('div.buttons'), figures = el('div', { id: 'node-facts' }), loops = el('div', { id: 'loops' }),
    actors = el('div', { id: 'actors' }), plane = el('div', { id: 'backplane' });
  replace(root, el('h1', {}, name), note, buttons, figures, el('h2', {}, 'Loops'), loops, el('h2', {}, 'Actors'), actors,
    el('h2', {}, 'Backplane'), plane);
  let drawn = '';
  const draw_buttons = (n) => {
    const now = `${n.state} ${n.log_level}`;
    if (now === drawn) return;
    drawn = now;
    const node = name;
    replace(buttons, link('Its connections', 'connections', { node: name }),
      n.state === 'drained'
        ? action_button('Undo the drain', { title: 'Undo the drain', method: 'undrain', params: { node }, label: 'Take clients again',
          text: `${name} takes clients again. Those who have left come back as balancers send them.` })
        : action_button('Drain', { title: 'Drain', method: 'drain', params: { node }, danger: true, label: 'Drain',
          text: `${name} takes no new clients and sends its ${exact(n.clients)} away, one after the other. It goes on running, and it can be undone.` }),
      action_button('Log level', { title: 'Log level', method: 'log_level', params: { node }, label: 'Change it',
        text: 'Until the node starts again or reads its configuration.', fields: [{ name: 'level', label: 'Level', value: n.log_level, options: ['trace', 'debug', 'info', 'warn', 'error'] }] }),
      action_button('Read configuration', { title: 'Read configuration', method: 'reload', params: { node }, label: 'Read it',
        text: 'As SIGHUP does: what can change without a restart is applied.' }));
  };
  const mine = { node: name };
  const ends = [admin.watch('nodes', mine, '1s', (result, error) => {
    if (error) { replace(note, problem(error)); return; }
    replace(note, missing_note(result));
    const n = result.nodes[0];
    draw_buttons(n);
    const [state, words] = judge(n);
    replace(figures, facts([
      ['State', el('span.state', { 'data-state': state, id: 'node-state' }, words)], ['Connections', `${exact(n.clients)} of ${exact(n.max_clients)}`],
      ['Channels', exact(n.channels)], ['Up', span(n.uptime)], ['Version', n.version], ['Memory', bytes(n.memory)],
      ['Load of the machine', n.load.map((l) => l.toFixed(2)).join(' ')], ['Messages out', `${count(n.figures.messages_out)}/s`],
      ['Publish to write', `p50 ${ms(n.figures.publish_p50 * 1000)}, p99 ${ms(n.figures.publish_p99 * 1000)}`],
      ['Lease in the backplane', n.lease ? `${n.lease.seconds} s, renewed ${n.lease.renewed.toFixed(1)} s ago` : ''],
      ['Log level', n.log_level], ['Process', String(n.pid)], ['Node id', n.uid],
    ]));
    replace(loops, box(head('Loop', 'Lag', 'Clients', 'Sockets', 'Channels', 'Inbox', 'Actors to run', 'Timers'), el('tbody', {}, n.loops.map((l) =>
      el('tr', {}, el('td', {}, String(l.loop)), el('td.number', {}, ms(l.lag)), ...['clients', 'connections', 'channels', 'inbox', 'runnable', 'timers'].map((k) => el('td.number', {}, exact(l[k]))))))));
  }), admin.watch('actors', mine, '2s', (result) => {
    if (!result) return;
    const a = result.nodes[0];
    const us = (v) => ms(v / 1000);
    const rows = (list, cells) => el('tbody', {}, list.map((r) => el('tr', {}, cells(r))));
    const name_of = (r) => (r.kind === 'channel' && r.name ? link(r.name, 'channel', r.name) : r.kind === 'connection' && r.name ? link(r.name.slice(0, 8), 'connection', r.name) : r.name || '–');
    replace(actors, el('p.quiet', {}, `Measured since somebody looked, ${span(a.watched)} ago.`), el('div.columns', {},
      box(head('Kind', 'Loop', 'Runs', 'Time', 'Longest'), rows(a.kinds, (k) => [el('td', {}, k.kind), el('td.number', {}, String(k.loop)), el('td.number', {}, count(k.runs)), el('td.number', {}, us(k.total_us)), el('td.number', {}, us(k.longest_us))])),
      box(head('Slowest', '', 'Loop', 'Took'), rows(a.slowest.slice(0, 10), (s) => [el('td', {}, s.kind), el('td', {}, name_of(s)), el('td.number', {}, String(s.loop)), el('td.number', {}, us(s.took_us))])),
      box(head('Longest mailboxes', '', 'Messages'), a.mailboxes.length ? rows(a.mailboxes.slice(0, 10), (m) => [el('td', {}, m.kind), el('td', {}, name_of(m)), el('td.number', {}, exact(m.mailbox))]) : el('tbody', {}, el('tr.empty', {}, el('td', { colSpan: 3 }, 'All are empty.')))),
      a.channel_actors_count ? box(head(`Channel actors (${exact(a.channel_actors_count)})`, 'Actor', 'Commands', 'Members', ''), rows(a.channel_actors, (c) => [el('td', {}, link(c.channel, 'actor', c.channel)), el('td', {}, c.actor), el('td.number', {}, exact(c.commands)), el('td.number', {}, exact(c.members)),
        el('td', {}, action_button('Move', { title: 'Move', method: 'move', params: { channel: c.channel }, label: 'Move it', text: `The actor of ${c.channel} goes on on another node.`, fields: [{ name: 'to', label: 'To the node' }] }))])) : null));
  }), admin.watch('backplane', mine, '2s', (result) => {
    if (!result) return;
    const b = result.nodes[0];
    const times = Object.entries(b.times).filter(([, t]) => t.count > 0);
    replace(plane, facts([['State', el('span.state', { 'data-state': b.ready ? 'good' : 'bad' }, b.ready ? 'ready' : b.message)],
      ['Kind', b.kind], ['Servers', b.servers],
      ...times.map(([n, t]) => [n.replace(/^plexus_backplane_|_seconds$/g, '').replaceAll('_', ' '), `p50 ${ms(t.p50 * 1000)}, p99 ${ms(t.p99 * 1000)}`]),
      ...Object.entries(b.figures).filter(([, v]) => v !== 0).map(([n, v]) => [n.replace(/^plexus_backplane_|_total/g, '').replaceAll('_', ' '), count(v)])]),
    b.primaries.length ? box(head('Server', 'State', 'Partitions', 'Lease renewed', 'Inbox', 'To be sent', 'Memory', 'Script calls', 'Mean', 'Failed'), el('tbody', {}, b.primaries.map((s) => el('tr', { 'data-primary': s.address },
      el('td', {}, s.address || 'not connected'), el('td', {}, el('span.state', { 'data-state': s.ready ? 'good' : 'bad' }, s.ready ? 'ready' : s.message)), el('td.number', {}, exact(s.partitions)),
      el('td.number', {}, `${s.lease_renewed.toFixed(1)} s ago`), el('td.number', {}, exact(s.inbox)), el('td.number', {}, exact(s.pending)),
      el('td.number', {}, s.max_memory ? `${bytes(s.memory)} of ${bytes(s.max_memory)}` : bytes(s.memory)), el('td.number', {}, count(s.scripts?.evalsha?.calls)),
      el('td.number', {}, s.scripts?.evalsha?.mean_us == null ? '–' : ms(s.scripts.evalsha.mean_us / 1000)), el('td.number', {}, count(s.scripts?.evalsha?.failed)))))) : null,
    b.last_errors.length ? el('ol.lines', {}, b.last_errors.slice(-10).reverse().map((e) => el('li', {}, el('time', {}, clock(e.time)), e.event))) : el('p.quiet', {}, 'Nothing has gone wrong lately.'));
  })];
  return () => ends.forEach((end) => end());
}
