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
    this.#socket = socket;
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
          this.#wanted = false;
          fail(error);
        });
      };
      socket.onmessage = (event) => this.#take(JSON.parse(event.data));
      socket.onclose = () => {
        for (const one of this.#waiting.values()) one.fail(new Error('the connection was lost'));
        this.#waiting.clear();
        this.#set('closed');
        fail(new Error('the node does not answer'));
        if (this.#wanted) this.#again();
      };
    });
  }

  #again() {
    this.#tries += 1;
    const pause = Math.min(10000, 250 * 2 ** this.#tries) * (0.5 + Math.random() / 2);
    setTimeout(() => { if (this.#wanted && this.state === 'closed') this.#open().catch(() => {}); }, pause);
  }

  #send(method, params) {
    const id = this.#next++;
    return new Promise((done, fail) => {
      this.#waiting.set(id, { done, fail });
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
    this.#waiting.set(id, { done() {}, fail: (error) => watch.on(null, error) });
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
