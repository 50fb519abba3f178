// What every other part of the page uses: finding and making elements, and how times, sizes and people are written.
// Text from others reaches the page through textContent only.

export const $ = (id) => document.getElementById(id);

export function el(tag, cls, text) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  return node;
}

/// A picture from the sprite at the top of index.html.
export function icon(id) {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  const use = document.createElementNS(ns, 'use');
  use.setAttribute('href', '#' + id);
  svg.append(use);
  return svg;
}

const two = (n) => String(n).padStart(2, '0');
export const clock = (d) => `${two(d.getHours())}:${two(d.getMinutes())}`;
export const clock_ms = (d) => `${clock(d)}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, '0')}`;
export const plural = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;
export const ms_text = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`);
export const bytes_text = (n) =>
  n < 1000 ? `${n} B` : n < 1e6 ? `${(n / 1e3).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`;

const utf8 = new TextEncoder();
export const byte_length = (text) => utf8.encode(text).length;
export const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/// The hue of a user, the same on every page: one of 24.
export function hue_of(key) {
  let h = 2166136261;
  for (const c of key) h = Math.imul(h ^ c.codePointAt(0), 16777619);
  return ((h >>> 0) % 24) * 15;
}

/// The name to show for the client info of a publication, a join or a member.
export function name_of(info) {
  const given = info.connInfo && typeof info.connInfo.name === 'string' && info.connInfo.name;
  return given || info.user || 'someone';
}

const initials = (name) =>
  name.split(/\s+/).filter(Boolean).slice(0, 2).map((w) => [...w][0].toUpperCase()).join('') || '?';

export function avatar(name, key) {
  const node = el('span', 'avatar', initials(name));
  node.style.setProperty('--h', hue_of(key));
  node.setAttribute('aria-hidden', 'true');
  return node;
}

/// The red line across the page; an empty text takes it away.
export function banner(text) {
  $('banner').textContent = text;
  $('banner').hidden = !text;
}
