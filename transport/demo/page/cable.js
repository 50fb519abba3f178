// The visible client's network. Cutting it is what a lost network is: the browser reports 1006 to the library at
// once, frames that still arrive go nowhere, new sockets are refused, and the node is told nothing until the network
// is back. (A page can't end TCP without a close frame, so the old socket is closed then, with 4000.)
import { mark, new_connection, saw_frame } from './wire.js';

let cut = false;
const live = new Set();

/// What the client library listens to instead of `window`: 'online' and 'offline'.
export const network_events = new EventTarget();

export const is_cut = () => cut;

/// The WebSocket class for the client library. All it does besides is to show its frames, and to be severed.
export class tapped_socket extends WebSocket {
  constructor(url, protocols) {
    if (cut) return refused_socket();
    if (protocols === undefined) super(url);
    else super(url, protocols);
    this.severed = false;
    live.add(this);
    new_connection();
    // Added before the library sets its own handlers, so this one runs first.
    this.addEventListener('message', (event) => {
      saw_frame(this.severed ? 'lost' : 'in', event.data);
      if (this.severed) event.stopImmediatePropagation();
    });
    this.addEventListener('close', () => {
      if (!this.severed) live.delete(this);
    });
  }

  send(data) {
    if (this.severed) return;
    saw_frame('out', data);
    super.send(data);
  }

  close(...args) {
    if (!this.severed) super.close(...args);
  }

  sever() {
    this.severed = true;
    this.dispatchEvent(new CloseEvent('close', { code: 1006, wasClean: false }));
  }

  release() {
    live.delete(this);
    super.close(4000, 'connection was cut');
  }
}

/// What a browser gives without a network: an error, then a close with 1006.
function refused_socket() {
  const socket = { onerror: null, onclose: null, send() {}, close() {} };
  setTimeout(() => {
    mark('No network: attempt to reconnect failed', 'bad');
    if (socket.onerror) socket.onerror(new Event('error'));
    if (socket.onclose) socket.onclose(new CloseEvent('close', { code: 1006, wasClean: false }));
  });
  return socket;
}

export function cut_cable() {
  cut = true;
  mark('Connection lost', 'bad');
  for (const socket of live) socket.sever();
}

export function mend_cable() {
  for (const socket of live) socket.release();
  cut = false;
  mark('Network is back', 'good');
  network_events.dispatchEvent(new Event('online'));
}

for (const type of ['online', 'offline']) {
  window.addEventListener(type, () => cut || network_events.dispatchEvent(new Event(type)));
}
