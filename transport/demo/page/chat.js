// The messages of the room: every publication at the place its offset gives it, the history of those who come late,
// and the outbox, which keeps what was written while there was no connection.
import { chat, position, ready } from './connection.js';
import { $, avatar, clock, el, hue_of, name_of, plural } from './dom.js';
import { me } from './you.js';

const history_page = 50;
const max_messages = 300;
const same_speaker = 300000; // ms within which lines of one person stand under one name

const list = $('messages');
const by_offset = new Map(); // of the present epoch: offset -> 'live', 'recovered' or 'history'
let stick = true; // whether the reader is at the end of the list

/// How the publication with this offset came; undefined when the page hasn't it.
export const source_of = (offset) => by_offset.get(offset);

/// The channel began anew: its offsets count from 1 again.
export const forget_offsets = () => by_offset.clear();

export const at_the_end = () => stick;
export const to_the_end = () => { list.scrollTop = list.scrollHeight; };

function message_text(data) {
  if (data && typeof data.text === 'string') return data.text;
  return typeof data === 'string' ? data : JSON.stringify(data);
}

/// When it was said: the writer's clock, or now for one that comes live without a time.
function time_of(data, source) {
  const dated = Number.isFinite(data.at) && Math.abs(data.at) < 8e15;
  return dated ? new Date(data.at) : source === 'live' ? new Date() : null;
}

function meta_line(user, by_api, at) {
  const meta = el('div', 'meta');
  meta.append(el('b', 'who', user));
  if (by_api) meta.append(el('span', 'tag', 'HTTP API'));
  if (at) {
    const time = el('time', '', clock(at));
    time.dateTime = at.toISOString();
    time.title = at.toLocaleString();
    meta.append(time);
  }
  return meta;
}

function message_node(pub, source) {
  const by_api = !pub.info; // a publication of the HTTP API says nothing of a client
  const user = by_api ? 'Back end' : name_of(pub.info);
  const data = pub.data || {};
  const own = !by_api && pub.info.user === me.user;
  const node = el('li', 'msg' + (own ? ' own' : '') + (by_api ? ' api' : '') + (data.bot === true ? ' bot' : ''));
  node.dataset.offset = pub.offset === undefined ? '' : pub.offset;
  node.dataset.text = message_text(pub.data);
  node.dataset.user = user;
  if (source === 'recovered') node.dataset.recovered = 'true';
  const at = time_of(data, source);
  node.at = at ? at.getTime() : 0;
  node.epoch = position.epoch;

  const line = el('div', 'line');
  line.append(el('p', 'bubble', node.dataset.text));
  if (source === 'recovered') line.append(el('span', 'mended', 'recovered'));
  const body = el('div', 'body');
  body.append(meta_line(user, by_api, at), line);
  // A user has one colour everywhere; what came without a client is neutral.
  const key = by_api ? '' : pub.info.user;
  node.style.setProperty('--h', hue_of(key));
  node.append(avatar(by_api ? '{ }' : user, key), body);
  return node;
}

/// Lines of one speaker shortly after each other share the name above them.
export function join_up(node) {
  const before = node && node.previousElementSibling;
  if (!node) return;
  node.classList.toggle('more', Boolean(before) && before.dataset.user === node.dataset.user &&
    before.dataset.recovered === node.dataset.recovered && !node.dataset.gap && node.at - before.at < same_speaker);
}

/// The message that a new one with this offset goes before; null for the end.
function next_after(offset) {
  let next = null;
  if (offset === undefined) return next;
  for (let e = list.lastElementChild; e && e.epoch === position.epoch && Number(e.dataset.offset) > offset;
    e = e.previousElementSibling) next = e;
  return next;
}

/// Puts a publication where its offset belongs and returns its element; null for one that is there already.
export function place(pub, source) {
  if (pub.offset !== undefined) {
    if (by_offset.has(pub.offset)) return null;
    by_offset.set(pub.offset, source);
  }
  const follow = stick;
  const node = message_node(pub, source);
  const next = next_after(pub.offset);
  list.insertBefore(node, next);
  while (list.children.length > max_messages) list.firstElementChild.remove();
  join_up(node);
  join_up(next);
  if (follow || node.classList.contains('own')) to_the_end();
  else if (source !== 'history') $('latest').hidden = false;
  return node;
}

/// The last messages before this page came, or those that could not be recovered.
export async function load_history() {
  try {
    const page = await chat.history({ limit: history_page, reverse: true });
    // The position is of the log that was read; another epoch means the channel began anew meanwhile.
    if (page.epoch && page.epoch !== position.epoch) return;
    const added = page.publications.filter((pub) => place(pub, 'history')).length;
    if (added) to_the_end();
  } catch (error) {
    if (ready()) hint(`No history: ${error.message || error} (${error.code || '?'})`);
  }
}

list.addEventListener('scroll', () => {
  stick = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  if (stick) $('latest').hidden = true;
}, { passive: true });
$('latest').addEventListener('click', to_the_end);
new ResizeObserver(() => { if (stick) to_the_end(); }).observe(list);

const outbox = [];
function hint(text) { $('chat-hint').textContent = text; }

async function flush() {
  while (outbox.length && ready()) {
    const text = outbox.shift();
    try { await chat.publish({ text, at: Date.now() }); } catch (error) {
      // Whether it arrived can't be known after a lost connection: sending it again is the writer's decision.
      hint(`Not confirmed: ${error.message || error}. Send it again?`);
      if (!$('chat-input').value) $('chat-input').value = text;
      return;
    }
  }
  hint(outbox.length ? `${plural(outbox.length, 'message')} will go out when the connection is back` : '');
}
chat.on('subscribed', flush);

$('chat-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('chat-input').value.trim();
  if (!text) return;
  $('chat-input').value = '';
  outbox.push(text);
  flush();
});
