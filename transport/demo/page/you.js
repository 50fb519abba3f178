// Who this page is: a friendly name, kept for the tab, and a token for it.
import { $, banner, byte_length } from './dom.js';

const max_letters = 32;
const max_bytes = 64; // the node takes no longer names

const pick = (words) => words[Math.floor(Math.random() * words.length)];
const firsts = ('Amber Azure Brave Breezy Bright Calm Cedar Clever Coral Cosmic Crimson Curious Dapper Gentle Golden ' +
  'Happy Indigo Ivory Jolly Lively Lucky Lunar Mellow Mint Misty Nimble Olive Quiet Rapid Ruby Silver Sunny Swift ' +
  'Tidal Velvet Witty').split(' ');
const seconds = ('Badger Bear Beaver Bison Crane Dolphin Falcon Ferret Finch Fox Gecko Hare Heron Ibex Jay Koala ' +
  'Lark Lemur Lynx Marten Moose Newt Ocelot Orca Otter Owl Panda Puffin Quail Raven Robin Seal Stoat Swan Tapir ' +
  'Wombat Wren Yak').split(' ');
const friendly_name = () => `${pick(firsts)} ${pick(seconds)}`;

function tidy(name) {
  const letters = [...name.replace(/\s+/g, ' ').trim()].slice(0, max_letters);
  while (byte_length(letters.join('')) > max_bytes) letters.pop();
  return letters.join('').trim();
}

function remember(name) {
  try { sessionStorage.setItem('plexus-name', name); } catch { /* storage is off: the name lasts for the page */ }
  return name;
}

function remembered() {
  try { return sessionStorage.getItem('plexus-name'); } catch { return null; }
}

/// `client` is the id of the present connection; `renaming` is set from a change of the name until the page is back
/// in the room.
export const me = { client: '', user: remember(tidy(remembered() || '') || friendly_name()), renaming: false };

/// The node's token for a user of that name, as the demo hands them out.
export async function fetch_token(user) {
  const answer = await fetch('/demo/token?user=' + encodeURIComponent(user), { cache: 'no-store' });
  if (answer.status === 403 || answer.status === 404) {
    banner('This node hands out no demo tokens: is “demo” on in its configuration?');
    throw new window.Centrifuge.UnauthorizedError();
  }
  if (!answer.ok) throw new Error(`token: HTTP ${answer.status}`);
  return (await answer.json()).token;
}

/// The field with the name; `again` brings the page back into the room under the new one.
export function watch_name(again) {
  const field = $('name');
  field.value = me.user;
  field.addEventListener('change', () => {
    const name = tidy(field.value) || friendly_name();
    field.value = name;
    if (name === me.user) return;
    me.user = remember(name);
    me.renaming = true;
    again();
  });
  field.addEventListener('keydown', (event) => { if (event.key === 'Enter') field.blur(); });
}
