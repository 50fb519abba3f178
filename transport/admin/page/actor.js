// One channel's actor: where it lives, how long its lease holds, and what its class shows of its state.
import { admin } from './socket.js';
import { action_button } from './actions.js';
import { bytes, el, exact, facts, link, missing_note, problem, replace } from './dom.js';

export function show_actor(root, _query, channel) {
  const note = el('div'), buttons = el('div.buttons'), figures = el('div', { id: 'actor-facts' }), state = el('div', { id: 'actor-state' }),
    members = el('div', { id: 'actor-members' });
  replace(root, el('h1', {}, 'Actor of ', link(channel, 'channel', channel)), note, buttons, figures, el('h2', {}, 'State'), state,
    el('h2', {}, 'Members'), members);
  replace(buttons, link('The channel', 'channel', channel), link('Trace the channel', 'trace', 'channel', channel),
    action_button('Move', { title: 'Move', method: 'move', params: { channel }, label: 'Move it',
      text: `The actor of ${channel} goes on on another node.`, fields: [{ name: 'to', label: 'To the node' }] }));
  return admin.watch('actor', { channel }, '1s', (result, error) => {
    if (error) { replace(note, problem(error)); return; }
    replace(note, missing_note(result));
    const a = result.actor;
    replace(figures, facts([
      ['Class', a.actor], ['Owner', link(`${a.node}, loop ${a.loop}`, 'node', a.node)],
      ['Lease', a.lease.left > 0 ? `holds ${a.lease.left.toFixed(1)} s more, unless renewed` : el('b.waits', {}, 'is over')],
      ['Owners so far', exact(a.lease.token), 'The lease’s token: it rises with each owner'], ['Commands', exact(a.commands)],
      ['Not answered yet', exact(a.waiting)], ['Timers', exact(a.timers)], ['Kept', bytes(a.state_bytes)], ['Members', exact(a.members)],
    ]));
    replace(state, a.fault ? problem(new Error(a.fault)) : a.state === null ? el('p.quiet', {}, 'Its class shows nothing (plexus::channel_actor::inspect).')
      : el('pre.payload', { id: 'actor-shows' }, typeof a.state === 'string' ? a.state : JSON.stringify(a.state, null, 2)));
    replace(members, a.first.length ? el('ul.people', {}, a.first.map((p) => el('li', {}, link(p.user || p.client.slice(0, 8), 'connection', p.client))))
      : el('p.quiet', {}, 'Nobody.'));
  });
}
