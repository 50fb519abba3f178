// The pointers of the others over the room, and one's own to them. Positions are fractions of the room's box, at most
// 20 a second, over a channel without history: a lost one is replaced by the next.
import { chat, pointers } from './connection.js';
import { $, el, hue_of, icon, name_of } from './dom.js';
import { me } from './you.js';

const send_interval = 50; // ms between two positions of one's own
const idle_after = 3000; // ms until another's pointer fades
const fade_time = 600;
const max_shown = 60;

const room = $('room');
const shown = new Map(); // client -> {node, timer}
let own = null; // the newest position not yet sent; null when there is none
let send_timer = null;

function drop(key) {
  const pointer = shown.get(key);
  if (!pointer) return;
  clearTimeout(pointer.timer);
  pointer.node.remove();
  shown.delete(key);
}

function pointer_of(info) {
  let pointer = shown.get(info.client);
  if (pointer || shown.size >= max_shown) return pointer;
  const node = el('div', 'pointer');
  node.dataset.client = info.client;
  node.style.setProperty('--h', hue_of(info.user));
  node.append(icon('i-cursor'), el('span', '', name_of(info)));
  $('cursors').append(node);
  pointer = { node, timer: 0 };
  shown.set(info.client, pointer);
  return pointer;
}

const inside = (data) => data.x >= 0 && data.x <= 1 && data.y >= 0 && data.y <= 1;

pointers.on('publication', ({ data, info }) => {
  if (!info || info.client === me.client || !data) return;
  if (!inside(data)) {
    drop(info.client);
    return;
  }
  const pointer = pointer_of(info);
  if (!pointer) return;
  pointer.node.style.left = `${data.x * 100}%`;
  pointer.node.style.top = `${data.y * 100}%`;
  pointer.node.classList.toggle('flip', data.x > 0.8);
  pointer.node.classList.remove('idle');
  clearTimeout(pointer.timer);
  pointer.timer = setTimeout(() => {
    pointer.node.classList.add('idle');
    pointer.timer = setTimeout(() => drop(info.client), fade_time);
  }, idle_after);
});

// Who leaves the room takes the pointer along.
chat.on('leave', (ctx) => drop(ctx.info.client));

function send() {
  send_timer = null;
  if (!own) return;
  const data = own;
  own = null;
  if (pointers.state !== 'subscribed') return;
  pointers.publish(data).catch(() => {});
  send_timer = setTimeout(send, send_interval);
}

function point(at) {
  const box = room.getBoundingClientRect();
  const part = (v, from, size) => Math.round(Math.min(1, Math.max(0, (v - from) / size)) * 1e4) / 1e4;
  own = at
    ? { x: part(at.clientX, box.left, box.width), y: part(at.clientY, box.top, box.height) }
    : { gone: true };
  if (!send_timer) send();
}

room.addEventListener('pointermove', (event) => { if (event.pointerType !== 'touch') point(event); });
room.addEventListener('pointerleave', (event) => { if (event.pointerType !== 'touch') point(null); });
// Touch events go on while the finger scrolls; pointer events would be cancelled there.
for (const type of ['touchstart', 'touchmove']) {
  room.addEventListener(type, (event) => point(event.touches[0]), { passive: true });
}
