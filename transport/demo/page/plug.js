// The button that drops the connection. Echo, a second client of this page on a network of its own, comes into the
// room first, talks on while the page is away, and is the witness of what was missed.
import { cut_cable, is_cut, mend_cable } from './cable.js';
import { chat, client, endpoint, position, ready } from './connection.js';
import { $, wait } from './dom.js';
import { clear_recovery, note_missed, phase, present_gap, witness } from './recovery.js';
import { fetch_token, me } from './you.js';

const first_line = 500; // ms after the cut
const line_interval = 800;
const goodbye = 1200; // ms from the page's return to Echo's leaving, long enough for everyone to see it

const lines_of_echo = (name) => [
  `Was that ${name}'s connection that just went?`,
  'Their socket is gone. The channel\'s log is not.',
  'So I keep talking. Every line gets the next offset.',
  'They remember the last offset they saw …',
  '… and when they are back, they ask for all that came after.',
  'No reload, no polling, no gaps.',
  'Any moment now. Act natural.',
];

const button = $('drop');
let outage = false; // from the click on the button until Echo has left

function set_outage(on) {
  outage = on;
  if (on) $('plug').dataset.outage = 'true'; // recovery.js leaves the card to this module then
  else delete $('plug').dataset.outage;
  refresh();
}

function refresh() {
  button.disabled = outage || !ready();
  if (!outage) $('drop-text').textContent = 'Drop the connection';
}

for (const name of ['connecting', 'connected', 'disconnected']) client.on(name, refresh);
for (const name of ['subscribing', 'subscribed', 'unsubscribed']) chat.on(name, refresh);

async function bring_echo() {
  const echo = new window.Centrifuge(endpoint, { getToken: () => fetch_token('Echo the bot'), name: 'demo-bot' });
  const sub = echo.newSubscription(chat.channel);
  sub.on('subscribed', (ctx) => { if (ctx.streamPosition) witness.seen = { ...ctx.streamPosition }; });
  sub.on('publication', (pub) => {
    if (!witness.seen || pub.offset === undefined) return;
    witness.seen.offset = pub.offset;
    const gap = present_gap();
    if (gap && is_cut() && pub.offset > gap.base) note_missed(pub.offset);
  });
  sub.subscribe();
  echo.connect();
  await sub.ready(3000).catch(() => {});
  return {
    say: (text) => sub.publish({ text, at: Date.now(), bot: true }).catch(() => {}),
    leave: () => {
      echo.disconnect();
      witness.seen = null;
    },
  };
}

/// Counts down while Echo talks.
async function stay_away(length, echo) {
  const start = performance.now();
  const lines = lines_of_echo(me.user);
  let said = 0;
  for (let gone = 0; gone < length; gone = performance.now() - start) {
    $('drop-text').textContent = `Offline · ${Math.ceil((length - gone) / 1000)} s`;
    $('fuse').style.transform = `scaleX(${1 - gone / length})`;
    if (gone >= first_line + said * line_interval) {
      echo.say(`${said + 1} · ${lines[said % lines.length]}`);
      said += 1;
    }
    await wait(50);
  }
  $('fuse').style.transform = 'scaleX(0)';
}

async function pull_the_plug() {
  set_outage(true);
  clear_recovery();
  phase('arming', 'Echo is coming in …');
  const echo = await bring_echo();

  cut_cable();
  const gap = present_gap() || { base: position.offset };
  gap.plugged = true;
  phase('cut', `Cut off at #${gap.base}. The room goes on without you.`);
  const seconds = Math.max(1, Number(button.dataset.seconds) || 6);
  await stay_away(seconds * 1000, echo);

  $('drop-text').textContent = 'Reconnecting …';
  phase('returning', `Back on the network: asking for everything after #${gap.base}.`);
  gap.mended = performance.now();
  mend_cable();
  for (let i = 0; i < 100 && present_gap() === gap; i++) await wait(100);
  if (ready()) $('drop-text').textContent = 'Back in the room';
  await wait(goodbye);
  echo.leave();
  set_outage(false);
}

button.addEventListener('click', () => { if (!outage && ready()) pull_the_plug(); });
