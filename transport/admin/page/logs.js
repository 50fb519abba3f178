// What the nodes say, as they say it: the log, what was slow, and what operators did.
import { admin } from './socket.js';
import { clock_ms, day_clock, el, link, problem, replace, missing_note } from './dom.js';

const most = 500;

const words = (fields) => Object.entries(fields).map(([n, v]) => el('span.field', {}, el('i', {}, n), v));

export function show_logs(root, query) {
  const note = el('div'), list = el('ol.lines', { id: 'log-lines', tabIndex: 0 });
  const level = el('select', { 'aria-label': 'Level' }, ['debug', 'info', 'warn', 'error', 'slow'].map((l) => el('option', { value: l, selected: l === (query.level || 'info') }, l === 'slow' ? 'only what was slow' : `${l} and worse`)));
  const find = el('input', { type: 'search', placeholder: 'Contains…', 'aria-label': 'Filter' });
  const paused = el('input', { type: 'checkbox' });
  let end = null;
  const filter = () => { for (const line of list.children) line.hidden = !line.textContent.toLowerCase().includes(find.value.toLowerCase()); };
  const watch = () => {
    end?.();
    list.replaceChildren();
    end = admin.watch('logs', { level: level.value }, '1s', (result, error) => {
      if (error) { replace(note, problem(error)); return; }
      replace(note, missing_note(result));
      if (result.dropped > 0) list.prepend(el('li', { 'data-level': 'warn' }, el('b', {}, `${result.dropped} more lines than could be shown`)));
      if (paused.checked) return;
      for (const l of result.lines)
        list.prepend(el('li', { 'data-level': l.level }, el('time', {}, clock_ms(l.time)), el('b', {}, l.level), link(l.node, 'node', l.node), el('span.part', {}, l.part), el('span', {}, l.event), words(l.fields)));
      while (list.children.length > most) list.lastChild.remove();
      filter();
    });
  };
  level.addEventListener('change', watch);
  find.addEventListener('input', filter);
  replace(root, el('h1', {}, 'Log'), el('div.filters', {}, level, find, el('label.check', {}, paused, 'hold')), note, list);
  watch();
  return () => end?.();
}

export function show_audit(root) {
  const note = el('div'), list = el('ol.lines', { id: 'audit-lines' });
  replace(root, el('h1', {}, 'Audit log'), el('p.quiet', {}, 'The last 500 actions of each node since it started; the log has them all.'), note, list);
  return admin.watch('audit', {}, '2s', (result, error) => {
    if (error) { replace(note, problem(error)); return; }
    replace(note, missing_note(result));
    replace(list, result.entries.reverse().map((e) => el('li', { 'data-action': e.action }, el('time', {}, day_clock(e.time)), el('b', {}, e.action),
      link(e.node, 'node', e.node), el('span', {}, e.by), words({ ...Object.fromEntries(Object.entries(e.with).map(([n, v]) => [n, typeof v === 'string' ? v : JSON.stringify(v)])), reason: e.reason, outcome: e.outcome }))));
    if (!result.entries.length) replace(list, el('li.quiet', {}, 'Nobody has done anything yet.'));
  });
}
