// What every other part of the page uses: finding and making elements, and how figures, sizes and times are written.
// Text from the node reaches the page through textContent only.

export const $ = (id) => document.getElementById(id);

/// `el('p.note', {title: 'x'}, 'text', child, ...)`; a property that is a function becomes a listener.
export function el(what, props, ...children) {
  const [tag, ...classes] = what.split('.');
  const node = document.createElement(tag || 'div');
  if (classes.length) node.className = classes.join(' ');
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (name.startsWith('data-') || name.startsWith('aria-') || name === 'role' || name === 'for') node.setAttribute(name, value);
    else node[name] = value;
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
  return node;
}

export const replace = (node, ...children) => node.replaceChildren(...children.flat().filter((c) => c !== null && c !== undefined));

export const count = (n) => {
  if (n === null || n === undefined) return '–';
  const a = Math.abs(n);
  if (a >= 1e9) return `${(n / 1e9).toFixed(1)} G`;
  if (a >= 1e6) return `${(n / 1e6).toFixed(1)} M`;
  if (a >= 1e4) return `${(n / 1e3).toFixed(1)} k`;
  if (a > 0 && a < 10 && !Number.isInteger(n)) return n.toFixed(1);
  return Math.round(n).toLocaleString('en-GB');
};
export const exact = (n) => (n ?? 0).toLocaleString('en-GB');
export const bytes = (n) => {
  if (n === null || n === undefined) return '–';
  if (n < 1000) return `${Math.round(n)} B`;
  if (n < 1e6) return `${(n / 1e3).toFixed(1)} kB`;
  if (n < 1e9) return `${(n / 1e6).toFixed(1)} MB`;
  return `${(n / 1e9).toFixed(2)} GB`;
};
/// Milliseconds.
export const ms = (n) => {
  if (n === null || n === undefined) return '–';
  if (n === 0) return '0 ms';
  if (n < 1) return `${Math.round(n * 1000)} µs`;
  if (n < 10) return `${n.toFixed(1)} ms`;
  if (n < 10000) return `${Math.round(n)} ms`;
  return `${(n / 1000).toFixed(1)} s`;
};
export const span = (seconds) => {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
};
const two = (n) => String(n).padStart(2, '0');
export const clock = (unix_ms) => {
  const d = new Date(unix_ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
};
export const clock_ms = (unix_ms) => `${clock(unix_ms)}.${String(Math.floor(unix_ms) % 1000).padStart(3, '0')}`;
export const day_clock = (unix_ms) => new Date(unix_ms).toLocaleString('en-GB', { day: 'numeric', month: 'short',
  hour: '2-digit', minute: '2-digit', second: '2-digit' });
export const since = (unix_seconds) => span(Date.now() / 1000 - unix_seconds);

/// A link within the page: its parts are escaped. The last one may be an object: what to ask for there.
export const to = (...parts) => '#/' + parts.filter((p) => typeof p !== 'object').map((p) => encodeURIComponent(p)).join('/')
  + parts.filter((p) => typeof p === 'object').map((p) => `?${new URLSearchParams(p)}`).join('');
/// A name as a pattern that means it alone.
export const exactly = (name) => (/[*?]/.test(name) ? name.replace(/[*]/g, '?') : name);
export const link = (text, ...parts) => el('a', { href: to(...parts) }, text);

/// A list of names and values.
export function facts(pairs) {
  const list = el('dl.facts');
  for (const [name, value, help] of pairs) {
    if (value === undefined || value === null || value === '') continue;
    list.append(el('div', { title: help || '' }, el('dt', {}, name), el('dd', {}, value)));
  }
  return list;
}

/// Nodes that did not answer are named, not left out in silence.
export function silent_note(names) {
  if (!names || !names.length) return null;
  return el('p.silent', { role: 'status', 'data-silent': names.join(' ') },
    `No answer in time from ${names.join(', ')}: what is shown is without ${names.length === 1 ? 'it' : 'them'}.`);
}

/// And those that refused, with their words.
export function refused_note(refused) {
  const all = Object.entries(refused || {});
  return all.length ? el('p.silent', { role: 'status', 'data-refused': all.map(([n]) => n).join(' ') },
    `Refused by ${all.map(([n, why]) => `${n}: ${why.message}`).join('; ')}.`) : null;
}
export const missing_note = (result) => [silent_note(result.silent), refused_note(result.refused)];

export const problem = (error) => el('p.problem', { role: 'alert' }, error.message || String(error));
