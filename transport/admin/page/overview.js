// What one can leave on a wall: is all well, how much is going on, the last hour in small charts, each node in a card.
import { admin } from './socket.js';
import { chart, meter } from './charts.js';
import { bytes, count, el, ms, problem, replace, missing_note, span, to } from './dom.js';

const charts = [
  ['clients', 'Connections', count],
  ['messages_out', 'Messages out a second', count],
  ['messages_in', 'Messages in a second', count],
  ['publications', 'Publications a second', count],
  ['publish_p99', 'Publish to write, p99', (v) => ms(v * 1000)],
  ['turn_p99', 'Loop turn, p99', (v) => ms(v * 1000)],
  ['bytes_out', 'Bytes out a second', bytes],
  ['queue_bytes', 'Waiting for slow readers', bytes],
];

/// Whether a node wants attention, and why: [severity, words].
export function judge(node) {
  if (node.state !== 'serving') return ['warn', node.state];
  if (!node.ready) return ['bad', node.obstacles.join('; ') || 'not ready'];
  const lag = Math.max(...node.loops.map((l) => l.lag));
  if (lag > 250) return ['bad', `a loop is ${ms(lag)} behind`];
  if (lag > 50) return ['warn', `a loop is ${ms(lag)} behind`];
  return ['good', 'serving'];
}

export function show_overview(root) {
  const verdict = el('p.verdict', { id: 'verdict', role: 'status' });
  const tiles = el('div.tiles', { id: 'tiles' });
  const cards = el('div.cards', { id: 'node-cards' });
  const note = el('div');
  const drawn = new Map(charts.map(([name, title, write]) => [name, new chart(title, write)]));
  replace(root, el('h1', {}, 'Overview'), verdict, note, tiles,
    el('div.charts', {}, [...drawn.values()].map((c) => c.node)), el('h2', {}, 'Nodes'), cards);

  const tile = (name, value, more, id) => el('div.tile', { id }, el('span', {}, name), el('b', {}, value), el('small', {}, more || ''));
  let before = null;

  const end_nodes = admin.watch('nodes', {}, '2s', (result, error) => {
    if (error) { replace(note, problem(error)); return; }
    replace(note, missing_note(result));
    const nodes = result.nodes.sort((a, b) => a.node.localeCompare(b.node));
    const sum = (pick) => nodes.reduce((all, n) => all + (pick(n) || 0), 0);
    const most = (pick) => Math.max(0, ...nodes.map((n) => pick(n) || 0));
    const worst = nodes.map((n) => [...judge(n), n.node]).sort((a, b) => 'bwg'.indexOf(a[0][0]) - 'bwg'.indexOf(b[0][0]))[0];
    const silent = result.silent.length > 0;
    verdict.dataset.state = silent ? 'bad' : worst[0];
    verdict.textContent = silent ? `${result.silent.length} of ${nodes.length + result.silent.length} nodes do not answer`
      : worst[0] === 'good' ? `All ${nodes.length === 1 ? 'is' : `${nodes.length} nodes are`} well` : `${worst[2]}: ${worst[1]}`;
    const figures = (name) => sum((n) => n.figures[name]);
    replace(tiles,
      tile('Connections', count(sum((n) => n.clients)), `of ${count(sum((n) => n.max_clients))}`, 'tile-clients'),
      tile('Channels', count(sum((n) => n.channels)), `${nodes.length} node${nodes.length === 1 ? '' : 's'}`),
      tile('Messages out', `${count(figures('messages_out'))}/s`, `${count(figures('messages_in'))}/s in`),
      tile('Publications', `${count(figures('publications'))}/s`, `${bytes(figures('bytes_out'))}/s out`),
      tile('Publish to write', ms(most((n) => n.figures.publish_p50) * 1000), `p99 ${ms(most((n) => n.figures.publish_p99) * 1000)}`),
      tile('Loop lag', ms(most((n) => Math.max(...n.loops.map((l) => l.lag)))), `turn p99 ${ms(most((n) => n.figures.turn_p99) * 1000)}`),
      tile('Backplane', nodes.every((n) => n.backplane.ready) ? 'ready' : 'not ready', `p99 ${ms(most((n) => n.figures.backplane_p99) * 1000)}`),
      tile('Memory', bytes(sum((n) => n.memory)), `${bytes(figures('queue_bytes'))} queued`));
    replace(cards, nodes.map((n) => node_card(n)));
    before = nodes;
  });

  const lines = new Map();
  // The whole hour at first, then what came since.
  const hour = 3600 * 1000;
  const end_past = admin.watch('past', {}, '10s', (result) => {
    if (!result) return;
    for (const n of result.nodes) {
      const known = lines.get(n.node);
      const newest = known?.samples.length ? known.samples[known.samples.length - 1][0] : 0;
      const samples = [...(known?.samples || []), ...n.samples.filter((s) => s[0] > newest)];
      const now = samples.length ? samples[samples.length - 1][0] : 0;
      lines.set(n.node, { ...n, samples: samples.filter((s) => s[0] > now - hour) });
    }
    let now = Date.now();
    for (const n of lines.values()) if (n.samples.length) now = Math.max(now, n.samples[n.samples.length - 1][0]);
    for (const [name, c] of drawn) {
      const each = [...lines.values()].sort((a, b) => a.node.localeCompare(b.node)).map((n) => {
        const at = n.names.indexOf(name);
        return { name: n.node, points: n.samples.map((s) => [s[0], s[at]]) };
      });
      const last = each.map((l) => l.points[l.points.length - 1]?.[1]).filter((v) => v !== undefined);
      const shown = /p99|p50/.test(name) ? Math.max(...last) : last.reduce((a, b) => a + b, 0);
      c.update(each, now, last.length ? shown : undefined);
    }
  });
  return () => { end_nodes(); end_past(); };
}

function node_card(n) {
  const [state, words] = judge(n);
  return el('a.card', { href: to('node', n.node), 'data-node': n.node, 'data-state': state },
    el('header', {}, el('b', {}, n.node), el('span.state', { 'data-state': state }, words)),
    el('div.row', {}, meter(n.clients, n.max_clients), el('span', {}, `${count(n.clients)} connections`)),
    el('div.small', {}, `up ${span(n.uptime)} · ${bytes(n.memory)} · ${n.version}`),
    el('div.loops', {}, n.loops.map((l) => el('span.loop', { title: `loop ${l.loop}: ${ms(l.lag)} behind, ${l.clients} clients` },
      `loop ${l.loop} ${ms(l.lag)}`))));
}
