// What is missed while the room is out of reach, and what comes back. Offsets have no holes, so every number between
// the last one seen and the newest known is a message that was missed. A gap lives from the moment the subscription is
// lost to its return, whoever was the cause; the button in plug.js is only one.
import { at_the_end, forget_offsets, join_up, load_history, place, source_of, to_the_end } from './chat.js';
import { chat, move_position, position } from './connection.js';
import { $, el, ms_text, plural, wait } from './dom.js';
import { me } from './you.js';

const settle_time = 400; // ms for live publications still under way when the recovery is counted
const max_pips = 40;
const max_delay_steps = 20; // of the messages that come in one after the other

const idle_text = $('plug-text').textContent;
let away = null;
let recovering = false;

/// The gap the page is in; null while it is in the room and everything has been counted. {base: the last offset seen,
/// epoch, at, back, mended: performance.now() of the loss, of the return and of the network's return, recovered: Set,
/// plugged: whether the button was the cause}.
export const present_gap = () => away;

/// The newest publication that somebody on another connection has seen: {offset, epoch}, or null.
export const witness = { seen: null };

/// The card's colour and sentence.
export function phase(name, text) {
  $('plug').dataset.phase = name;
  if (text) $('plug-text').textContent = text;
}

export function clear_recovery() {
  $('pips').replaceChildren();
  for (const key of Object.keys($('recovery-summary').dataset)) delete $('recovery-summary').dataset[key];
  $('recovery-summary').textContent = '';
  $('recovery-detail').textContent = '';
  phase('idle', idle_text);
}

function pip(offset) {
  let node = [...$('pips').children].find((p) => p.dataset.offset === String(offset));
  if (!node) {
    if ($('pips').children.length >= max_pips) return null;
    node = el('li', '', `#${offset}`);
    node.dataset.offset = offset;
    $('pips').append(node);
  }
  return node;
}

function set_fate(offset, fate, step = 0) {
  const node = pip(offset);
  if (!node) return;
  node.style.setProperty('--i', step);
  node.dataset.fate = fate;
}

/// The witness saw a publication that this page can't have.
export function note_missed(offset) {
  pip(offset);
  $('recovery-summary').textContent = `${plural(offset - away.base, 'message')} missed so far`;
}

function note_recovered(node, offset) {
  away.recovered.add(offset);
  const step = Math.min(away.recovered.size - 1, max_delay_steps);
  node.style.setProperty('--i', step);
  if (away.recovered.size === 1) {
    node.dataset.gap = `${((performance.now() - away.at) / 1000).toFixed(1)} s without a connection`;
    join_up(node);
  }
  set_fate(offset, 'recovered', step);
}

chat.on('publication', (pub) => {
  const follow = at_the_end();
  const node = place(pub, recovering ? 'recovered' : 'live');
  if (node && recovering) {
    note_recovered(node, pub.offset); // may add a line to it
    if (follow) to_the_end();
  }
  move_position({ offset: pub.offset });
});

chat.on('subscribing', () => {
  if (me.renaming) away = null;
  else if (position.epoch && !away) {
    if (!$('plug').dataset.outage) clear_recovery();
    away = { at: performance.now(), back: 0, base: position.offset, epoch: position.epoch, recovered: new Set() };
  }
});

chat.on('subscribed', (ctx) => {
  const first = !position.epoch;
  const new_log = !first && ctx.streamPosition && ctx.streamPosition.epoch !== position.epoch;
  if (new_log) forget_offsets();
  if (ctx.streamPosition) move_position(ctx.streamPosition);
  if (away && ctx.wasRecovering) {
    away.back = performance.now();
    away.top = witness.seen && witness.seen.epoch === away.epoch ? witness.seen.offset : away.base;
    // The recovered publications are delivered in this same task, the live ones after it.
    recovering = ctx.recovered;
    queueMicrotask(() => { recovering = false; });
    settle(away, ctx.recovered, new_log, ctx.recovered ? null : load_history());
  } else {
    if (first || !ctx.recovered) load_history();
    away = null;
  }
  me.renaming = false;
});

/// Counts every offset of the gap: {missed, kept, reloaded, lost}.
function take_stock(gap, newest, new_log) {
  const count = { missed: 0, kept: gap.recovered.size, reloaded: 0, lost: 0 };
  for (let offset = gap.base + 1; offset <= newest; offset++) {
    const source = new_log ? undefined : source_of(offset);
    if (source === 'live') continue;
    count.missed += 1;
    if (gap.recovered.has(offset)) continue;
    const fate = source === 'history' ? 'reloaded' : 'lost';
    count[fate] += 1;
    set_fate(offset, fate);
  }
  return count;
}

function explain(gap, recovered, new_log) {
  const delay = ms_text(gap.back - (gap.mended || gap.at));
  const after = gap.mended ? `${delay} after the network came back` : `after ${delay}`;
  if (!recovered) {
    const why = new_log ? 'the channel has a new log' : 'out of reach';
    return `The node could not recover from #${gap.base} (${why}); history was loaded instead.`;
  }
  if (!gap.recovered.size) return `Back at #${gap.base}, ${after}.`;
  const from = Math.min(...gap.recovered), to = Math.max(...gap.recovered);
  const range = from === to ? `#${from}` : `#${from} to #${to}`;
  return `Asked for everything after #${gap.base}; ${range} came in one reply, ${after}.`;
}

async function settle(gap, recovered, new_log, history) {
  await Promise.all([history, wait(settle_time)]);
  if (away === gap) away = null;
  const newest = recovered ? Math.max(gap.base, gap.top, ...gap.recovered)
    : new_log ? gap.top : Math.max(gap.top, position.offset);
  const { missed, kept, reloaded, lost } = take_stock(gap, newest, new_log);
  if (!missed && recovered && !gap.plugged) return;
  const summary = $('recovery-summary');
  summary.textContent = `${plural(missed, 'message')} missed, ${kept} recovered, ${lost} lost` +
    (reloaded ? ` (${reloaded} read again from history)` : '');
  Object.assign(summary.dataset, { missed, recovered: kept, lost });
  $('recovery-detail').textContent = explain(gap, recovered, new_log);
  if (recovered && !lost) phase('done', 'Back, and nothing had to be reloaded. The position said what was missing.');
  else phase('bad', 'Back, but the log no longer reaches to where this page had been.');
}
