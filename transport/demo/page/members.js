// Who is in the room: the list is asked for once and then kept by joins and leaves. A member's state, here whether
// somebody is typing, travels the same way: a join of a client that is there already.
import { chat, client, ready } from './connection.js';
import { $, avatar, clock, el, name_of } from './dom.js';
import { me } from './you.js';

const ask_again = 30000; // ms
const typing_pause = 2500; // ms without a key until somebody isn't typing any more

const members = new Map(); // client -> info
let late = null; // joins and leaves that came while the list was being asked for

const is_typing = (info) => Boolean(info.chanInfo && info.chanInfo.typing);

function member_node(info, own, fresh) {
  const node = el('li', 'member' + (own ? ' you' : '') + (fresh ? ' fresh' : ''));
  // Nodes are moved when the list is drawn again, which would start the animation anew.
  node.addEventListener('animationend', () => node.classList.remove('fresh'));
  node.dataset.client = info.client;
  node.dataset.user = info.user;
  node.title = `client ${info.client}`;
  node.append(avatar(name_of(info), info.user), el('span', 'member-name', name_of(info)));
  if (own) node.append(el('span', 'tag', 'you'));
  const dots = el('span', 'dots');
  dots.append(el('i'), el('i'), el('i'));
  node.append(dots);
  return node;
}

function draw_typing() {
  const names = [...members.values()].filter((m) => is_typing(m) && m.client !== me.client).map(name_of);
  const who = names.length > 2 ? `${names.length} people are` : `${names.join(' and ')} ${names[1] ? 'are' : 'is'}`;
  $('typing').textContent = names.length ? `${who} typing …` : '';
}

function draw(fresh) {
  const all = [...members.values()].sort((a, b) =>
    (b.client === me.client) - (a.client === me.client) || name_of(a).localeCompare(name_of(b)) ||
    (a.client < b.client ? -1 : 1));
  const kept = new Map([...$('members').children].map((node) => [node.dataset.client, node]));
  $('members').replaceChildren(...all.map((info) => {
    const own = info.client === me.client;
    const old = kept.get(info.client);
    const same = old && old.dataset.user === info.user && old.classList.contains('you') === own;
    const node = same ? old : member_node(info, own, info.client === fresh);
    node.classList.toggle('typing', is_typing(info) && !own);
    return node;
  }));
  $('member-count').textContent = members.size;
  draw_typing();
}

function tell(text) { $('ticker').textContent = `${text} · ${clock(new Date())}`; }

function apply(kind, info) {
  if (kind === 'join') members.set(info.client, info);
  else members.delete(info.client);
}

function member_event(kind, info) {
  if (late) late.push([kind, info]);
  const known = members.has(info.client);
  apply(kind, info);
  const news = known !== (kind === 'join'); // else only its state changed
  draw(news && kind === 'join' ? info.client : '');
  if (news && info.client !== me.client) tell(`${name_of(info)} ${kind === 'join' ? 'joined' : 'left'}`);
}

async function load_members() {
  if (late || !ready()) return;
  late = [];
  try {
    const { clients } = await chat.presence();
    members.clear();
    for (const info of Object.values(clients)) members.set(info.client, info);
    // What was pushed after the question was put may be newer than the answer.
    for (const [kind, info] of late) apply(kind, info);
    draw();
  } catch { /* asked again in a while, and after the next subscribe */ } finally {
    late = null;
  }
}

chat.on('join', (ctx) => member_event('join', ctx.info));
chat.on('leave', (ctx) => member_event('leave', ctx.info));
chat.on('subscribed', load_members);
setInterval(load_members, ask_again);

// One's own state: told when it changes, not with every key. It belongs to the connection, so a new one begins silent.
let typing = false;
let typing_timer = null;

function tell_typing(now) {
  clearTimeout(typing_timer);
  if (now) typing_timer = setTimeout(() => tell_typing(false), typing_pause);
  if (now === typing || !ready()) return;
  typing = now;
  const state = now ? { typing: true } : {};
  client.rpc('plexus.presence.update', { channel: chat.channel, state }).catch(() => {});
}

chat.on('subscribing', () => { typing = false; });
$('chat-input').addEventListener('input', () => tell_typing($('chat-input').value.trim() !== ''));
$('chat-form').addEventListener('submit', () => tell_typing(false));

$('invite').href = location.href;
