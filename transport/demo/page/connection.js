// The connection and its two subscriptions, and what the page says of them: the state, the position in the channel's
// log, the round trip. Every other module takes the client from here.
import { network_events, tapped_socket } from './cable.js';
import { $, banner, ms_text } from './dom.js';
import { fetch_token, me, watch_name } from './you.js';

const measure_every = 3000; // ms
const kept_trips = 24;

const { Centrifuge } = window;
if (!Centrifuge) {
  banner('The client library at /demo/centrifuge.js did not load.');
  throw new Error('the client library did not load');
}

export const endpoint = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/connection/websocket`;

export const client = new Centrifuge(endpoint, {
  websocket: tapped_socket,
  networkEventTarget: network_events,
  minReconnectDelay: 250,
  maxReconnectDelay: 3000,
  getToken: () => fetch_token(me.user),
  name: 'demo',
});
export const chat = client.newSubscription('chat:lobby');
export const pointers = client.newSubscription('cursors:lobby');

/// Whether the room can be spoken to.
export const ready = () => chat.state === 'subscribed';

/// The last publication of the room that this page has, and the log it belongs to.
export const position = { offset: 0, epoch: '' };

export function move_position(to) {
  if (to.offset !== undefined) position.offset = to.offset;
  if (to.epoch !== undefined) position.epoch = to.epoch;
  $('position').textContent = `#${position.offset}`;
  $('epoch').textContent = position.epoch ? `epoch ${position.epoch}` : '';
}

function show_state(state, why) {
  $('state').dataset.state = state;
  $('state').title = why || '';
  $('state-text').textContent =
    { connected: 'Connected · WebSocket', connecting: 'Connecting', disconnected: 'Disconnected' }[state];
  document.body.dataset.state = state;
}

client.on('connecting', (ctx) => show_state('connecting', `${ctx.code} ${ctx.reason}`));
client.on('disconnected', (ctx) => show_state('disconnected', `${ctx.code} ${ctx.reason}`));
client.on('connected', (ctx) => {
  me.client = ctx.client;
  banner('');
  show_state('connected', `client ${ctx.client}`);
});
for (const sub of [chat, pointers]) {
  sub.on('unsubscribed', (ctx) => {
    if (ctx.code !== 0) banner(`${sub.channel}: ${ctx.reason} (${ctx.code})`);
  });
}

watch_name(() => {
  client.disconnect();
  client.setToken('');
  client.connect();
});

const trips = [];

function draw_trips() {
  $('rtt').textContent = ms_text(trips[trips.length - 1]);
  if (trips.length < 3) return; // less is no curve
  const top = Math.max(...trips) * 1.15;
  const step = 60 / (Math.max(trips.length, 8) - 1);
  $('spark').firstElementChild.setAttribute('points', trips
    .map((t, i) => `${(i * step).toFixed(1)},${(17 - (t / top) * 16).toFixed(1)}`)
    .join(' '));
}

async function measure() {
  if (!ready() || document.hidden) return;
  const start = performance.now();
  try { await chat.presenceStats(); } catch (error) {
    if (!error.code || error.code < 100) return; // lost on the way; a refusal is a round trip as well
  }
  trips.push(performance.now() - start);
  if (trips.length > kept_trips) trips.shift();
  draw_trips();
}

setInterval(measure, measure_every);
// Not at once: what the page asks for when it subscribes would be measured with it.
chat.on('subscribed', () => setTimeout(measure, 600));

/// After all modules have put their handlers on the client.
export function connect() {
  show_state('connecting');
  chat.subscribe();
  pointers.subscribe();
  client.connect();
}
