// Frames of the Centrifuge protocol, read for people: what kind a message is, which channel it is about, and how one
// looks in the list. Nothing here keeps the list; wire.js does.
import { bytes_text, clock_ms, el, plural } from './dom.js';

const asked = new Map(); // command id -> {kind, channel}, to know what a reply answers

/// A new connection counts its commands from 1 again.
export const forget_commands = () => asked.clear();

function describe_command(msg) {
  const kind = Object.keys(msg).find((k) => k !== 'id') || 'pong';
  const body = msg[kind] || {};
  const channel = body.channel || (body.data && body.data.channel);
  if (msg.id) asked.set(msg.id, { kind, channel });
  const note = body.recover ? `after #${body.offset || 0}` : kind === 'rpc' ? body.method : '';
  return { kind, channel, note };
}

function describe_push(push) {
  const kind = Object.keys(push).find((k) => k !== 'channel') || 'push';
  const body = push[kind] || {};
  const note = body.offset ? `#${body.offset}` : body.info && kind !== 'pub' ? body.info.user : '';
  return { kind, channel: push.channel, note };
}

function describe_reply(msg) {
  const { kind, channel } = asked.get(msg.id) || { kind: 'reply' };
  asked.delete(msg.id);
  if (msg.error) return { kind: 'error', channel, note: `${msg.error.code} ${msg.error.message}`, reply: true };
  const body = msg[kind] || {};
  const pubs = body.publications ? body.publications.length : 0;
  const note = body.recovered ? `${pubs} recovered` : kind === 'history' ? plural(pubs, 'publication') : '';
  return { kind, channel, note, reply: true };
}

/// {kind, channel, note, reply} of one message; `dir` is 'in' or 'out'.
export function describe(dir, msg) {
  if (dir === 'out') return describe_command(msg);
  if (msg.push) return describe_push(msg.push);
  return msg.id ? describe_reply(msg) : { kind: 'ping', note: '' };
}

const family = (kind) =>
  /^(pub|publish)$/.test(kind) ? 'pub' : /^(join|leave|presence|rpc)/.test(kind) ? 'who' :
    /^p[io]ng$/.test(kind) ? 'beat' : kind === 'error' ? 'error' : kind === 'history' ? 'past' : 'link';

// A token is a right: shortened, so that a shared screen gives none away.
const mask = (key, value) => key === 'token' && typeof value === 'string' && value.length > 16
  ? `${value.slice(0, 10)}… (${value.length} characters)` : value;

function paint_json(pre, value) {
  const text = JSON.stringify(value, mask, 2);
  const token = /("(?:\\.|[^"\\])*")(?=(\s*:)?)|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
  let at = 0;
  for (let m = token.exec(text); m; m = token.exec(text)) {
    pre.append(text.slice(at, m.index), el('span', m[2] ? 'jk' : m[1] ? 'js' : 'jn', m[0]));
    at = m.index + m[0].length;
  }
  pre.append(text.slice(at));
}

/// What the row says: the kinds in the frame, the channel, and the first remark of its messages.
function what_of(parts) {
  const what = el('span', 'what');
  const first = parts[0];
  let last = '';
  for (const part of parts) {
    if (part.kind === last) continue;
    const kind = el('span', 'kind', (last = part.kind));
    kind.dataset.family = family(part.kind);
    what.append(kind);
  }
  const same = parts.filter((p) => p.kind === first.kind).length;
  const where = (same > 1 ? `×${same} ` : '') + (first.channel || '') + (first.reply ? ' reply' : '');
  what.append(el('span', 'channel', where));
  const note = parts.map((p) => p.note).find(Boolean);
  if (note) what.append(el('span', 'note', note));
  return what;
}

function event_row(entry) {
  const li = el('li', 'event');
  li.dataset.tone = entry.tone;
  li.append(el('span', '', entry.mark), el('time', '', clock_ms(entry.at)));
  return li;
}

/// The list's row for {dir, size, parts, messages, at}, which opens to the messages themselves; or, for {mark, tone,
/// at}, for something that happened to the connection.
export function frame_row(entry) {
  if (entry.mark) return event_row(entry);
  const li = el('li', 'frame');
  li.dataset.dir = entry.dir;
  li.dataset.kind = entry.parts[0].kind;
  const arrow = el('span', 'arrow', { in: '↓', out: '↑', lost: '×' }[entry.dir]);
  arrow.title = { in: 'received', out: 'sent', lost: 'lost on the way' }[entry.dir];
  const head = el('summary');
  head.append(arrow, el('time', '', clock_ms(entry.at)), what_of(entry.parts),
    el('span', 'size', bytes_text(entry.size)));
  const box = el('details');
  box.append(head);
  box.addEventListener('toggle', () => {
    if (!box.open || box.querySelector('pre')) return;
    const pre = el('pre');
    entry.messages.forEach((m, i) => {
      if (i) pre.append('\n');
      paint_json(pre, m);
    });
    box.append(pre);
  });
  li.append(box);
  return li;
}
