// What an operator may do: every action is asked about once more, and wants a reason for the audit log.
import { admin } from './socket.js';
import { $, el, problem, replace } from './dom.js';

/// Asks, then does it. `fields`: [{name, label, value, kind, options}]. Fulfilled with the answer, or null when it was
/// called off.
export function act({ title, text, method, params, fields = [], danger = false, label = 'Do it' }) {
  return new Promise((done) => {
    const box = $('confirm');
    const note = el('div');
    const reason = el('input', { name: 'reason', required: true, maxLength: 500, autocomplete: 'off',
      placeholder: 'Why, for the audit log' });
    const inputs = fields.map((f) => {
      const input = f.options ? el('select', { name: f.name }, f.options.map((o) => el('option', { value: o, selected: o === f.value }, o)))
        : f.kind === 'area' ? el('textarea', { name: f.name, rows: 4, value: f.value || '', spellcheck: false })
          : el('input', { name: f.name, value: f.value || '', autocomplete: 'off', maxLength: f.most || 500, placeholder: f.hint || '' });
      return el('label', {}, el('span', {}, f.label), input);
    });
    const go = el(danger ? 'button.danger' : 'button.main', { type: 'submit', id: 'confirm-go' }, label);
    const form = el('form', { method: 'dialog' }, el('h2', {}, title), el('p', {}, text), inputs,
      el('label', {}, el('span', {}, 'Reason'), reason), note,
      el('div.buttons', {}, el('button.plain', { type: 'button', click: () => finish(null) }, 'Cancel'), go));
    const finish = (result) => {
      box.close();
      done(result);
    };
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const given = { ...params, reason: reason.value.trim() };
      if (!given.reason) return;
      try {
        for (const f of fields) {
          const value = form.elements[f.name].value;
          if (value !== '') given[f.name] = f.kind === 'area' ? JSON.parse(value) : f.kind === 'number' ? Number(value) : value;
        }
      } catch {
        replace(note, problem(new Error('That is not JSON.')));
        return;
      }
      go.disabled = true;
      try {
        const result = await admin.request(method, given);
        toast(`${title}: ${outcome(result)}.`);
        finish(result);
      } catch (error) {
        go.disabled = false;
        replace(note, problem(error));
      }
    });
    box.oncancel = () => done(null);
    replace(box, form);
    box.showModal();
    (form.querySelector('input:not([name=reason]),select,textarea') || reason).focus();
  });
}

/// What came of it, and who has said nothing or no.
export function outcome(result) {
  const words = ['done'];
  if (result?.connections !== undefined) words.push(`${result.connections} connection${result.connections === 1 ? '' : 's'}`);
  if (result?.silent?.length) words.push(`no answer from ${result.silent.join(', ')}`);
  for (const [node, why] of Object.entries(result?.refused || {})) words.push(`refused by ${node}: ${why.message}`);
  return words.join(', ');
}

let fade;
export function toast(text) {
  $('toast').textContent = text;
  $('toast').hidden = false;
  clearTimeout(fade);
  fade = setTimeout(() => { $('toast').hidden = true; }, 5000);
}

/// A button that is there only for those who may act.
export function action_button(text, options, then) {
  const may = admin.hello?.access === 'write';
  return el(options.danger ? 'button.danger' : 'button.plain', { type: 'button', disabled: !may,
    title: may ? '' : 'You may look, not act.', 'data-action': options.method,
    click: async () => { const result = await act(options); if (result && then) then(result); } }, text);
}
