// The live trace of a connection, a user or a channel: what came in, what was decided and why, what went out. It
// begins with this page and ends with it.
import { admin } from './socket.js';
import { bytes, clock_ms, el, exact, link, problem, replace, missing_note } from './dom.js';

const most = 1000;
const arrows = { in: '→ in', out: '← out', decision: '● decided' };

export function show_trace(root, _query, subject, name) {
  const note = el('div'), list = el('ol.lines.trace', { id: 'trace-lines', tabIndex: 0 });
  const status = el('span.matched', { role: 'status' }, 'listening');
  const payloads = el('input', { type: 'checkbox', id: 'trace-payloads' });
  const paused = el('input', { type: 'checkbox' });
  const what = el('select', { 'aria-label': 'What' }, [['', 'everything'], ['in', 'what came in'], ['decision', 'what was decided'], ['out', 'what went out']].map(([v, t]) => el('option', { value: v }, t)));
  let end = null, dropped = 0, seen = 0;
  const filter = () => { for (const line of list.children) line.hidden = what.value !== '' && line.dataset.what !== what.value; };
  const watch = () => {
    end?.();
    end = admin.watch('trace', { [subject]: name, payloads: payloads.checked }, '250ms', (result, error) => {
      if (error) { replace(note, problem(error)); return; }
      replace(note, missing_note(result));
      dropped += result.dropped;
      seen += result.steps.length;
      status.textContent = `${exact(seen)} steps${dropped ? `, ${exact(dropped)} more than could be kept were dropped` : ''}`;
      if (paused.checked) return;
      for (const s of result.steps) {
        list.prepend(el('li', { 'data-what': s.what, 'data-kind': s.kind }, el('time', {}, clock_ms(s.time / 1000)), el('b', {}, arrows[s.what]), el('span.kind', {}, s.kind),
          s.channel ? link(s.channel, 'channel', s.channel) : null,
          s.client && subject !== 'client' ? link(s.user || s.client.slice(0, 8), 'connection', s.client) : null,
          s.number ? el('span', {}, s.kind === 'publication' || s.kind === 'appended' || s.kind === 'heard' ? `#${exact(s.number)}` : String(s.number)) : null,
          s.why ? el('span.why', {}, s.why) : null, s.bytes ? el('span.quiet', {}, bytes(s.bytes)) : null,
          el('span.quiet', {}, s.node), s.payload ? el('code.payload', {}, s.payload) : null));
      }
      while (list.children.length > most) list.lastChild.remove();
      filter();
    });
  };
  payloads.addEventListener('change', watch);
  what.addEventListener('change', filter);
  replace(root, el('h1', {}, 'Trace of ', subject, ' ', subject === 'client' ? link(name.slice(0, 8), 'connection', name) : el('code', {}, name)),
    el('div.filters', {}, what, el('label.check', {}, payloads, 'show payloads'), el('label.check', {}, paused, 'hold'), status), note, list,
    el('p.quiet', {}, 'Newest first. Nothing is kept when you leave this page.'));
  watch();
  return () => end?.();
}
