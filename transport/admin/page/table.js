// A list that the server pages: whatever its length, one page is here. Up and down (or j and k) move, Enter opens.
import { admin } from './socket.js';
import { el, exact, problem, replace, missing_note } from './dom.js';

/// `columns`: [{name, sort, cell(row), number, wide}]; `open(row)`: where a row leads.
export class paged_table {
  constructor({ method, list, columns, open, empty, key, interval = 2000 }) {
    Object.assign(this, { method, list, columns, open, empty, key });
    this.interval = interval;
    this.params = {};
    this.pages = [null]; // where each page begins
    this.head = el('tr');
    this.body = el('tbody');
    this.note = el('div.table-note', { 'aria-live': 'polite' });
    this.matched = el('span.matched');
    this.back = el('button.plain', { type: 'button', click: () => this.#turn(-1) }, '← Previous');
    this.forth = el('button.plain', { type: 'button', click: () => this.#turn(1) }, 'Next →');
    const table = el('table', {}, el('thead', {}, this.head), this.body);
    this.node = el('section.list', {}, this.note, el('div.table-box', { tabIndex: 0, keydown: (e) => this.#keys(e) }, table),
      el('footer.pager', {}, this.matched, el('span.grow'), this.back, this.forth));
    this.#draw_head();
  }

  #draw_head() {
    replace(this.head, this.columns.map((c) => {
      if (!c.sort) return el(c.number ? 'th.number' : 'th', { scope: 'col' }, c.name);
      const on = this.params.sort === c.sort;
      return el(c.number ? 'th.number' : 'th', { scope: 'col', 'aria-sort': on ? 'descending' : 'none' },
        el('button.sort', { type: 'button', click: () => this.set({ ...this.params, sort: c.sort }) }, c.name, on ? ' ↓' : ''));
    }));
  }

  /// What is asked for; begins at the first page.
  set(params) {
    this.params = Object.fromEntries(Object.entries(params).filter(([, v]) => v !== '' && v !== false && v !== undefined));
    this.pages = [null];
    this.#draw_head();
    this.#watch();
  }

  #turn(by) {
    if (by > 0 && this.next) this.pages.push(this.next);
    else if (by < 0 && this.pages.length > 1) this.pages.pop();
    else return;
    this.#watch();
  }

  #watch() {
    this.stop();
    const after = this.pages[this.pages.length - 1];
    const params = { limit: 50, ...this.params };
    if (after) params.after = after;
    this.end = admin.watch(this.method, params, `${this.interval}ms`, (result, error) => {
      if (error) replace(this.note, problem(error));
      else this.#show(result);
    });
  }

  #show(result) {
    this.next = result.next;
    replace(this.note, missing_note(result));
    const rows = result[this.list];
    const chosen = this.body.querySelector('tr.chosen')?.dataset.key;
    replace(this.body, rows.map((row) => {
      const key = this.key(row);
      const line = el('tr', { 'data-key': key, click: (e) => { if (!e.target.closest('a,button')) location.hash = this.open(row); } },
        this.columns.map((c) => el(c.number ? 'td.number' : 'td', { 'data-name': c.name }, c.cell(row))));
      line.row = row;
      if (key === chosen) line.classList.add('chosen');
      return line;
    }));
    if (!rows.length) replace(this.body, el('tr.empty', {}, el('td', { colSpan: this.columns.length }, this.empty)));
    const page = this.pages.length;
    this.matched.textContent = `${exact(result.matched)} match${result.matched === 1 ? 'es' : ''}${page > 1 ? `, page ${page}` : ''}`;
    this.matched.dataset.matched = result.matched;
    this.back.disabled = page === 1;
    this.forth.disabled = !result.next;
  }

  #keys(event) {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    const lines = [...this.body.querySelectorAll('tr[data-key]')];
    const at = lines.findIndex((l) => l.classList.contains('chosen'));
    if (step && lines.length) {
      event.preventDefault();
      const next = Math.min(lines.length - 1, Math.max(0, at + step));
      lines[at]?.classList.remove('chosen');
      lines[next].classList.add('chosen');
      lines[next].scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter' && at >= 0) {
      location.hash = this.open(lines[at].row);
    }
  }

  stop() {
    this.end?.();
    this.end = null;
  }
}
