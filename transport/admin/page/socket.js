// The admin WebSocket: requests with answers, watches that go on over a lost connection. docs/admin.md has the
// messages.

export class refused extends Error {
  constructor(error) {
    super(error.message);
    this.code = error.code;
  }
}

export class admin_socket extends EventTarget {
  #socket = null;
  #next = 1;
  #waiting = new Map();
  #watches = new Map(); // our number to {request, interval, on, id}
  #secret = '';
  #tries = 0;
  #wanted = false;
  #timer = 0;
  state = 'closed';
  hello = null;

  /// Fulfilled once signed in; refused with the node's word.
  sign_in(secret) {
    this.#secret = secret;
    this.#wanted = true;
    return this.#open();
  }

  sign_out() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#secret = '';
    this.#watches.clear();
    this.#socket?.close(1000);
  }

  #set(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent('state', { detail: state }));
  }

  #open() {
    this.#set('connecting');
    const url = new URL('websocket', location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.hash = '';
    const socket = new WebSocket(url);
    const before = this.#socket;
    this.#socket = socket;
    if (before) this.#lost(before);
    return new Promise((done, fail) => {
      socket.onopen = () => {
        // A token has two dots in it; the secret is told as it is.
        const token = /^[\w-]+\.[\w-]+\.[\w-]+$/.test(this.#secret);
        this.#send('auth', token ? { token: this.#secret } : { secret: this.#secret }).then((result) => {
          this.#tries = 0;
          this.hello = result;
          this.#set('open');
          for (const watch of this.#watches.values()) this.#begin(watch);
          done(result);
        }, (error) => {
          // Only the node's no to the secret is one for good: too many attempts may be those of others.
          if (error.code === 101) {
            this.#wanted = false;
            this.dispatchEvent(new CustomEvent('refused', { detail: error }));
          }
          fail(error);
        });
      };
      socket.onmessage = (event) => { if (socket === this.#socket) this.#take(JSON.parse(event.data)); };
      socket.onclose = () => {
        this.#lost(socket);
        fail(new Error('the node does not answer'));
        if (socket !== this.#socket) return; // another one has taken its place
        this.#set('closed');
        if (this.#wanted) this.#again();
      };
    });
  }

  /// Nobody answers any more what was asked on this one.
  #lost(socket) {
    for (const [id, one] of this.#waiting) {
      if (one.socket !== socket) continue;
      this.#waiting.delete(id);
      one.fail(new Error('the connection was lost'));
    }
  }

  #again() {
    this.#tries += 1;
    const pause = Math.min(10000, 250 * 2 ** this.#tries) * (0.5 + Math.random() / 2);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { if (this.#wanted && this.state === 'closed') this.#open().catch(() => {}); }, pause);
  }

  #send(method, params) {
    const id = this.#next++;
    return new Promise((done, fail) => {
      this.#waiting.set(id, { done, fail, socket: this.#socket });
      this.#socket.send(JSON.stringify({ id, [method]: params }));
    });
  }

  #take(message) {
    if (message.watch !== undefined) {
      for (const watch of this.#watches.values())
        if (watch.id === message.watch) watch.on(message.result || null, message.error ? new refused(message.error) : null);
      return;
    }
    const one = this.#waiting.get(message.id);
    if (!one) return;
    this.#waiting.delete(message.id);
    if (message.error) one.fail(new refused(message.error));
    else one.done(message.result);
  }

  request(method, params = {}) {
    if (this.state !== 'open') return Promise.reject(new Error('not connected'));
    return this.#send(method, params);
  }

  #begin(watch) {
    watch.id = this.#next++;
    const { id } = watch;
    // A lost connection begins it again; that is no answer.
    const socket = this.#socket;
    this.#waiting.set(id, { done() {}, fail: (error) => { if (error instanceof refused) watch.on(null, error); }, socket });
    this.#socket.send(JSON.stringify({ id, watch: { request: { [watch.method]: watch.params }, interval: watch.interval } }));
  }

  /// `on(result, error)` for each change; what it returns ends the watch.
  watch(method, params, interval, on) {
    const watch = { method, params, interval, on, id: 0 };
    const key = Symbol(method);
    this.#watches.set(key, watch);
    if (this.state === 'open') this.#begin(watch);
    return () => {
      this.#watches.delete(key);
      if (this.state === 'open' && watch.id) this.#send('unwatch', { watch: watch.id }).catch(() => {});
    };
  }
}

export const admin = new admin_socket();
