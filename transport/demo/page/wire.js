// The panel "On the wire": counts all frames and lists the latest. Nothing here decides anything: it only reads along.
import { $, byte_length, bytes_text } from './dom.js';
import { describe, forget_commands, frame_row } from './frames.js';

const max_frames = 200; // of those shown, and as many routine ones beside them
const cursor_channel = 'cursors:lobby';

const list = $('frames');
const total = { in: [0, 0], out: [0, 0], routine: 0 };
let entries = []; // oldest first
let paused = false;
let show_routine = false;
let counting = null;

// What comes all the time by itself would push everything else out of sight: pointers, and the round trip's question.
const is_routine = (part) => part.kind === 'presence_stats' ||
  (part.channel === cursor_channel && (part.kind === 'pub' || part.kind === 'publish'));

const visible = (entry) => show_routine || !entry.routine;

function add(entry) {
  entries.push(entry);
  const of_kind = entries.filter((e) => Boolean(e.routine) === Boolean(entry.routine));
  if (of_kind.length > max_frames) entries.splice(entries.indexOf(of_kind[0]), 1);
  if (paused || !visible(entry)) return;
  list.prepend(frame_row(entry));
  while (list.children.length > max_frames) list.lastElementChild.remove();
}

function redraw() {
  list.replaceChildren(...entries.filter(visible).slice(-max_frames).reverse().map(frame_row));
}

function show_counts() {
  counting = null;
  for (const dir of ['in', 'out']) {
    $(`${dir}-frames`).textContent = total[dir][0].toLocaleString('en');
    $(`${dir}-bytes`).textContent = bytes_text(total[dir][1]);
  }
  $('routine-frames').textContent = total.routine;
}

function read(line) {
  try { return JSON.parse(line); } catch { return { unreadable: line }; }
}

/// One frame as it went over the socket; `dir` is 'in', 'out' or 'lost' (it arrived when the cable was cut).
export function saw_frame(dir, data) {
  if (typeof data !== 'string') return;
  const size = byte_length(data);
  const messages = data.split('\n').filter((l) => l.trim()).map(read);
  if (!messages.length) return;
  const parts = messages.map((m) => describe(dir === 'out' ? 'out' : 'in', m));
  const routine = parts.every(is_routine);
  if (dir !== 'lost') {
    total[dir][0] += 1;
    total[dir][1] += size;
  }
  if (routine) total.routine += 1;
  add({ dir, size, parts, messages, routine, at: new Date() });
  if (!counting) counting = setTimeout(show_counts, 80);
}

/// A line across the list: something happened to the connection. `tone` is 'good' or 'bad'.
export const mark = (text, tone) => add({ mark: text, tone, at: new Date() });

export const new_connection = forget_commands;

$('pause').addEventListener('click', () => {
  paused = !paused;
  $('pause').setAttribute('aria-pressed', paused);
  $('pause').textContent = paused ? 'Resume' : 'Pause';
  if (!paused) redraw();
});

$('show-routine').addEventListener('click', () => {
  show_routine = !show_routine;
  $('show-routine').setAttribute('aria-pressed', show_routine);
  if (!paused) redraw();
});
