// Small line charts in SVG, without a library: a line for each node, the last value and the largest in words.
import { el, clock } from './dom.js';

const ns = 'http://www.w3.org/2000/svg';
const wide = 300, high = 64;

function svg(tag, attributes) {
  const node = document.createElementNS(ns, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/// `update(lines)`: [{name, points: [[time, value], ...]}], times in Unix milliseconds, over the last `minutes`.
export class chart {
  constructor(title, write, { minutes = 60, help = '' } = {}) {
    this.write = write;
    this.minutes = minutes;
    this.value = el('b.chart-now', {}, '–');
    this.most = el('span.chart-most');
    this.span = el('span', {}, `${minutes} min`);
    this.tip = el('span.chart-tip');
    this.picture = svg('svg', { viewBox: `0 0 ${wide} ${high}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': title });
    this.node = el('figure.chart', { title: help }, el('figcaption', {}, el('span', {}, title), this.value),
      this.picture, el('div.chart-foot', {}, this.span, this.tip, this.most));
    this.lines = [];
    this.picture.addEventListener('pointermove', (event) => this.#point(event));
    this.picture.addEventListener('pointerleave', () => { this.tip.textContent = ''; this.mark?.remove(); });
  }

  update(lines, now, shown) {
    this.lines = lines;
    // A node that is young has a short past: it is shown as wide as a long one, but never less than five minutes.
    let first = now;
    for (const line of lines) if (line.points.length) first = Math.min(first, line.points[0][0]);
    const minutes = Math.max(5, Math.min(this.minutes, Math.ceil((now - first) / 60000)));
    this.span.textContent = `${minutes} min`;
    const end = now, begin = now - minutes * 60000;
    let top = 0;
    for (const line of lines) for (const [time, v] of line.points) if (time >= begin && v > top) top = v;
    const scale = top > 0 ? top * 1.08 : 1;
    const x = (t) => ((t - begin) / (end - begin)) * wide;
    const y = (v) => high - 1 - (v / scale) * (high - 4);
    this.begin = begin;
    this.end = end;
    const children = [svg('line', { x1: 0, x2: wide, y1: high - 0.5, y2: high - 0.5, class: 'axis' })];
    lines.forEach((line, i) => {
      const points = line.points.filter(([t]) => t >= begin);
      if (!points.length) return;
      const path = points.map(([t, v], n) => `${n ? 'L' : 'M'}${x(t).toFixed(1)} ${y(v).toFixed(1)}`).join('');
      if (lines.length === 1) {
        const area = `${path}L${x(points[points.length - 1][0]).toFixed(1)} ${high}L${x(points[0][0]).toFixed(1)} ${high}Z`;
        children.push(svg('path', { d: area, class: 'area' }));
      }
      children.push(svg('path', { d: path, class: `line line-${i % 6}` }));
    });
    this.picture.replaceChildren(...children);
    this.value.textContent = shown === undefined ? '–' : this.write(shown);
    this.most.textContent = top > 0 ? `max ${this.write(top)}` : '';
  }

  #point(event) {
    const box = this.picture.getBoundingClientRect();
    const time = this.begin + ((event.clientX - box.left) / box.width) * (this.end - this.begin);
    const values = [];
    for (const line of this.lines) {
      let best = null;
      for (const p of line.points) if (!best || Math.abs(p[0] - time) < Math.abs(best[0] - time)) best = p;
      if (best && Math.abs(best[0] - time) < 120000) values.push(`${this.lines.length > 1 ? line.name + ' ' : ''}${this.write(best[1])}`);
    }
    this.tip.textContent = values.length ? `${clock(time)}  ${values.slice(0, 3).join(', ')}` : '';
  }
}

/// A bar that fills, for shares.
export function meter(value, most) {
  const share = most > 0 ? Math.min(1, value / most) : 0;
  const fill = el('i');
  fill.style.setProperty('--share', share);
  return el('span.meter', { title: `${Math.round(share * 100)} %` }, fill);
}
