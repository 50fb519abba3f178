// Who is blocked, until when, and letting them in again.
import { action_button } from './actions.js';
import { day_clock, el, replace, to } from './dom.js';
import { paged_table } from './table.js';

export function show_blocked(root, query) {
  const table = new paged_table({
    method: 'blocked', list: 'blocked', key: (row) => row.user, open: (row) => to('connections', { search: row.user }),
    empty: 'Nobody is blocked.',
    columns: [
      { name: 'User', cell: (r) => r.user },
      { name: 'Until', cell: (r) => (r.until === null ? 'for ever' : day_clock(r.until * 1000)) },
      { name: '', cell: (r) => action_button('Unblock', { title: 'Unblock', method: 'unblock_user', params: { user: r.user }, label: 'Unblock',
        text: `${r.user} may connect again, to every node.` }) },
    ],
  });
  const form = el('form.filters', { id: 'filters', submit: (e) => e.preventDefault() },
    el('input', { name: 'search', type: 'search', placeholder: 'User contains…', 'aria-label': 'Search users', value: query.search || '' }),
    action_button('Block a user', { title: 'Block user', method: 'block_user', params: {}, danger: true, label: 'Block',
      text: 'Ends all connections of the user on every node, and lets none in until the time is over.',
      fields: [{ name: 'user', label: 'User' }, { name: 'for', label: 'For how long; for ever without', value: '1h' }] }),
    action_button('Unblock a user', { title: 'Unblock', method: 'unblock_user', params: {}, label: 'Unblock', text: 'The user may connect again, to every node.',
      fields: [{ name: 'user', label: 'User' }] }));
  let later;
  const apply = () => table.set({ search: form.elements.search.value.trim() });
  form.addEventListener('input', () => { clearTimeout(later); later = setTimeout(apply, 200); });
  replace(root, el('h1', {}, 'Blocked users'), form, table.node);
  apply();
  return () => { clearTimeout(later); table.stop(); };
}
