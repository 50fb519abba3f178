// The demo page of a Plexus node: one chat room, who is in it, their pointers, and what goes over the wire. Each
// subject is a module that puts its own handlers on the client; this one starts them.
import { chat, connect } from './connection.js';
import { $ } from './dom.js';
import './recovery.js'; // before the rest: it moves the position, which they read
import './members.js';
import './cursors.js';
import './plug.js';

function show_curl() {
  const payload = JSON.stringify({ channel: chat.channel, data: { text: 'Hello from the back end' } });
  $('curl').textContent =
    `curl ${location.origin}/api/publish \\\n  -H "X-API-Key: $PLEXUS_API__KEY" \\\n  -d '${payload}'`;
}

/// Without a clipboard, as outside of a secure context, the text is selected, so that one key copies it.
async function copy_curl() {
  try {
    await navigator.clipboard.writeText($('curl').textContent);
  } catch {
    getSelection().selectAllChildren($('curl'));
    $('copy').textContent = document.execCommand('copy') ? 'Copied' : 'Selected';
    return;
  }
  $('copy').textContent = 'Copied';
  setTimeout(() => { $('copy').textContent = 'Copy'; }, 1600);
}

show_curl();
$('copy').addEventListener('click', copy_curl);
connect();
