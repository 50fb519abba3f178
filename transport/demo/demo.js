// The demo page of a Plexus node: one chat room, who is in it, their pointers, and what goes over the wire.
// Sections: helpers, wire (the frame list), cable (a socket that can be cut), you, client, messages, members,
// pointers, plug (drop and recovery), back end. Text from others reaches the page through textContent only.
(() => {
  'use strict';

  const chat_channel = 'chat:lobby';
  const cursor_channel = 'cursors:lobby';
  const history_page = 50;
  const max_messages = 300;
  const max_frames = 200;
  const cursor_interval = 50; // ms between two positions of one's own pointer: 20 a second
  const cursor_idle = 3000; // ms until another's pointer fades
  const bot_first = 500; // ms after the cut
  const bot_interval = 800;
  const settle_time = 400; // ms for live publications still under way when the recovery is counted

  // ---------------------------------------------------------------------------------------------- helpers
  const $ = (id) => document.getElementById(id);
  const el = (tag, cls, text) => {
    const node = document.createElement(tag);
    if (cls) node.className = cls;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const svg_use = (id) => {
    const ns = 'http://www.w3.org/2000/svg';
    const svg = document.createElementNS(ns, 'svg');
    const use = document.createElementNS(ns, 'use');
    use.setAttribute('href', '#' + id);
    svg.append(use);
    return svg;
  };
  const two = (n) => String(n).padStart(2, '0');
  const clock = (d) => `${two(d.getHours())}:${two(d.getMinutes())}`;
  const clock_ms = (d) => `${clock(d)}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, '0')}`;
  const plural = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;
  const bytes_text = (n) =>
    n < 1000 ? `${n} B` : n < 1e6 ? `${(n / 1e3).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`;
  const ms_text = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`);
  const utf8 = new TextEncoder();
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const hue_of = (key) => {
    let h = 2166136261;
    for (const c of key) h = Math.imul(h ^ c.codePointAt(0), 16777619);
    return ((h >>> 0) % 24) * 15;
  };
  const initials = (name) =>
    name.split(/\s+/).filter(Boolean).slice(0, 2).map((w) => [...w][0].toUpperCase()).join('') || '?';
  const name_of = (info) => (info.connInfo && typeof info.connInfo.name === 'string' && info.connInfo.name) ||
    info.user || 'someone';
  const avatar = (name, key) => {
    const node = el('span', 'avatar', initials(name));
    node.style.setProperty('--h', hue_of(key));
    node.setAttribute('aria-hidden', 'true');
    return node;
  };
  const banner = (text) => {
    $('banner').textContent = text;
    $('banner').hidden = !text;
  };

  // ------------------------------------------------------------------------------------------------- wire
  // Counts all frames and lists the latest. Nothing here decides anything: it only reads along.
  const wire = (() => {
    const list = $('frames');
    const total = { in: [0, 0], out: [0, 0], cursors: 0 };
    const asked = new Map(); // command id -> {kind, channel}, to know what a reply answers
    let entries = []; // oldest first, at most max_frames
    let paused = false;
    let show_cursors = false;
    let counting = null;

    function describe(dir, msg) {
      if (dir === 'out') {
        const kind = Object.keys(msg).find((k) => k !== 'id') || 'pong';
        const body = msg[kind] || {};
        if (msg.id) asked.set(msg.id, { kind, channel: body.channel });
        return { kind, channel: body.channel, note: body.recover ? `after #${body.offset || 0}` : '' };
      }
      if (msg.push) {
        const kind = Object.keys(msg.push).find((k) => k !== 'channel') || 'push';
        const body = msg.push[kind] || {};
        const note = body.offset ? `#${body.offset}` : body.info && kind !== 'pub' ? body.info.user : '';
        return { kind, channel: msg.push.channel, note };
      }
      if (!msg.id) return { kind: 'ping', note: '' };
      const { kind, channel } = asked.get(msg.id) || { kind: 'reply' };
      asked.delete(msg.id);
      if (msg.error) return { kind: 'error', channel, note: `${msg.error.code} ${msg.error.message}`, reply: true };
      const body = msg[kind] || {};
      const pubs = body.publications ? body.publications.length : 0;
      const note = body.recovered ? `${pubs} recovered` : kind === 'history' ? plural(pubs, 'publication') : '';
      return { kind, channel, note, reply: true };
    }

    const family = (kind) =>
      /^(pub|publish)$/.test(kind) ? 'pub' : /^(join|leave|presence)/.test(kind) ? 'who' :
        /^p[io]ng$/.test(kind) ? 'beat' : kind === 'error' ? 'error' : kind === 'history' ? 'past' : 'link';

    // A token is a right: shortened, so that a shared screen gives none away.
    const mask = (key, value) => key === 'token' && typeof value === 'string' && value.length > 16
      ? `${value.slice(0, 10)}… (${value.length} characters)` : value;

    function paint_json(pre, value) {
      const text = JSON.stringify(value, mask, 2);
      const token = /("(?:\\.|[^"\\])*")(?=(\s*:)?)|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
      let at = 0;
      for (let m = token.exec(text); m; m = token.exec(text)) {
        pre.append(text.slice(at, m.index), el('span', m[2] ? 'jk' : m[1] ? 'js' : 'jn', m[0]));
        at = m.index + m[0].length;
      }
      pre.append(text.slice(at));
    }

    function row(entry) {
      const li = el('li', entry.mark ? 'event' : 'frame');
      if (entry.mark) {
        li.dataset.tone = entry.tone;
        li.append(el('span', '', entry.mark), el('time', '', clock_ms(entry.at)));
        return li;
      }
      const first = entry.parts[0];
      li.dataset.dir = entry.dir;
      li.dataset.kind = first.kind;
      const box = el('details');
      const head = el('summary');
      const arrow = el('span', 'arrow', { in: '↓', out: '↑', lost: '×' }[entry.dir]);
      arrow.title = { in: 'received', out: 'sent', lost: 'lost on the way' }[entry.dir];
      const what = el('span', 'what');
      let last = '';
      for (const part of entry.parts) {
        if (part.kind === last) continue;
        const kind = el('span', 'kind', (last = part.kind));
        kind.dataset.family = family(part.kind);
        what.append(kind);
      }
      const same = entry.parts.filter((p) => p.kind === first.kind).length;
      const where = (same > 1 ? `×${same} ` : '') + (first.channel || '') + (first.reply ? ' reply' : '');
      what.append(el('span', 'channel', where));
      const note = entry.parts.map((p) => p.note).find(Boolean);
      if (note) what.append(el('span', 'note', note));
      head.append(arrow, el('time', '', clock_ms(entry.at)), what, el('span', 'size', bytes_text(entry.size)));
      box.append(head);
      box.addEventListener('toggle', () => {
        if (!box.open || box.querySelector('pre')) return;
        const pre = el('pre');
        entry.messages.forEach((m, i) => {
          if (i) pre.append('\n');
          paint_json(pre, m);
        });
        box.append(pre);
      });
      li.append(box);
      return li;
    }

    const visible = (entry) => show_cursors || !entry.cursor;

    function add(entry) {
      entries.push(entry);
      // Hidden pointer frames must not push the others out of the list.
      const of_kind = entries.filter((e) => Boolean(e.cursor) === Boolean(entry.cursor));
      if (of_kind.length > max_frames) entries.splice(entries.indexOf(of_kind[0]), 1);
      if (paused || !visible(entry)) return;
      list.prepend(row(entry));
      while (list.children.length > max_frames) list.lastElementChild.remove();
    }

    function redraw() {
      list.replaceChildren(...entries.filter(visible).slice(-max_frames).reverse().map(row));
    }

    function count() {
      counting = null;
      for (const dir of ['in', 'out']) {
        $(`${dir}-frames`).textContent = total[dir][0].toLocaleString('en');
        $(`${dir}-bytes`).textContent = bytes_text(total[dir][1]);
      }
      $('cursor-frames').textContent = total.cursors;
    }

    function frame(dir, data) {
      if (typeof data !== 'string') return;
      const size = utf8.encode(data).length;
      const messages = data.split('\n').filter((l) => l.trim()).map((l) => {
        try { return JSON.parse(l); } catch { return { unreadable: l }; }
      });
      if (!messages.length) return;
      const parts = messages.map((m) => describe(dir === 'out' ? 'out' : 'in', m));
      const cursor = parts.every((p) => p.channel === cursor_channel && (p.kind === 'pub' || p.kind === 'publish'));
      if (dir !== 'lost') {
        total[dir][0] += 1;
        total[dir][1] += size;
      }
      if (cursor) total.cursors += 1;
      add({ dir, size, parts, messages, cursor, at: new Date() });
      if (!counting) counting = setTimeout(count, 80);
    }

    $('pause').addEventListener('click', () => {
      paused = !paused;
      $('pause').setAttribute('aria-pressed', paused);
      $('pause').textContent = paused ? 'Resume' : 'Pause';
      if (!paused) redraw();
    });
    $('show-cursors').addEventListener('click', () => {
      show_cursors = !show_cursors;
      $('show-cursors').setAttribute('aria-pressed', show_cursors);
      if (!paused) redraw();
    });

    return { frame, mark: (text, tone) => add({ mark: text, tone, at: new Date() }), forget: () => asked.clear() };
  })();

  // ------------------------------------------------------------------------------------------------ cable
  // The visible client's network. Cutting it is what a lost network is: the browser reports 1006 to the library at
  // once, frames that still arrive go nowhere, new sockets are refused, and the node is told nothing until the
  // network is back. (A page can't end TCP without a close frame, so the old socket is closed then, with 4000.)
  const cable = { cut: false, events: new EventTarget(), live: new Set() };

  class tapped_socket extends WebSocket {
    constructor(url, protocols) {
      if (cable.cut) return refused_socket();
      if (protocols === undefined) super(url);
      else super(url, protocols);
      this.severed = false;
      cable.live.add(this);
      wire.forget();
      // Added before the library sets its own handlers, so this one runs first.
      this.addEventListener('message', (event) => {
        wire.frame(this.severed ? 'lost' : 'in', event.data);
        if (this.severed) event.stopImmediatePropagation();
      });
      this.addEventListener('close', () => {
        if (!this.severed) cable.live.delete(this);
      });
    }

    send(data) {
      if (this.severed) return;
      wire.frame('out', data);
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
      cable.live.delete(this);
      super.close(4000, 'connection was cut');
    }
  }

  /// What a browser gives without a network: an error, then a close with 1006.
  function refused_socket() {
    const socket = { onerror: null, onclose: null, send() {}, close() {} };
    setTimeout(() => {
      wire.mark('No network: attempt to reconnect failed', 'bad');
      if (socket.onerror) socket.onerror(new Event('error'));
      if (socket.onclose) socket.onclose(new CloseEvent('close', { code: 1006, wasClean: false }));
    });
    return socket;
  }

  function cut_cable() {
    cable.cut = true;
    wire.mark('Connection lost', 'bad');
    for (const socket of cable.live) socket.sever();
  }

  function mend_cable() {
    for (const socket of cable.live) socket.release();
    cable.cut = false;
    wire.mark('Network is back', 'good');
    cable.events.dispatchEvent(new Event('online'));
  }

  for (const type of ['online', 'offline']) {
    window.addEventListener(type, () => cable.cut || cable.events.dispatchEvent(new Event(type)));
  }

  // -------------------------------------------------------------------------------------------------- you
  const pick = (words) => words[Math.floor(Math.random() * words.length)];
  const friendly_name = () =>
    pick(('Amber Azure Brave Breezy Bright Calm Cedar Clever Coral Cosmic Crimson Curious Dapper Gentle Golden ' +
      'Happy Indigo Ivory Jolly Lively Lucky Lunar Mellow Mint Misty Nimble Olive Quiet Rapid Ruby Silver Sunny ' +
      'Swift Tidal Velvet Witty').split(' ')) + ' ' +
    pick(('Badger Bear Beaver Bison Crane Dolphin Falcon Ferret Finch Fox Gecko Hare Heron Ibex Jay Koala Lark ' +
      'Lemur Lynx Marten Moose Newt Ocelot Orca Otter Owl Panda Puffin Quail Raven Robin Seal Stoat Swan Tapir ' +
      'Wombat Wren Yak').split(' '));
  // The node takes names of up to 64 bytes.
  const tidy = (name) => {
    const letters = [...name.replace(/\s+/g, ' ').trim()].slice(0, 32);
    while (utf8.encode(letters.join('')).length > 64) letters.pop();
    return letters.join('').trim();
  };
  const remember = (name) => {
    try { sessionStorage.setItem('plexus-name', name); } catch { /* storage is off: the name lasts for the page */ }
    return name;
  };
  const remembered = () => {
    try { return sessionStorage.getItem('plexus-name'); } catch { return null; }
  };
  const me = { client: '', user: remember(tidy(remembered() || '') || friendly_name()) };

  async function fetch_token(user) {
    const answer = await fetch('/demo/token?user=' + encodeURIComponent(user), { cache: 'no-store' });
    if (answer.status === 403 || answer.status === 404) {
      banner('This node hands out no demo tokens: is “demo” on in its configuration?');
      throw new Centrifuge.UnauthorizedError();
    }
    if (!answer.ok) throw new Error(`token: HTTP ${answer.status}`);
    return (await answer.json()).token;
  }

  // ----------------------------------------------------------------------------------------------- client
  if (!window.Centrifuge) {
    banner('The client library at /demo/centrifuge.js did not load.');
    return;
  }
  const endpoint = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/connection/websocket`;
  const client = new Centrifuge(endpoint, {
    websocket: tapped_socket,
    networkEventTarget: cable.events,
    minReconnectDelay: 250,
    maxReconnectDelay: 3000,
    getToken: () => fetch_token(me.user),
    name: 'demo',
  });
  const chat = client.newSubscription(chat_channel);
  const pointers = client.newSubscription(cursor_channel);
  const position = { offset: 0, epoch: '' };
  const ready = () => chat.state === 'subscribed';

  function show_state(state, why) {
    $('state').dataset.state = state;
    $('state').title = why || '';
    $('state-text').textContent =
      { connected: 'Connected · WebSocket', connecting: 'Connecting', disconnected: 'Disconnected' }[state];
    document.body.dataset.state = state;
    refresh_drop_button();
  }

  function show_position() {
    $('position').textContent = `#${position.offset}`;
    $('epoch').textContent = position.epoch ? `epoch ${position.epoch}` : '';
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

  const trips = [];
  async function measure() {
    if (!ready() || document.hidden) return;
    const start = performance.now();
    try { await chat.presenceStats(); } catch (error) {
      if (!error.code || error.code < 100) return; // lost on the way; a refusal is a round trip as well
    }
    trips.push(performance.now() - start);
    if (trips.length > 24) trips.shift();
    $('rtt').textContent = ms_text(trips[trips.length - 1]);
    const top = Math.max(...trips) * 1.15;
    $('spark').firstElementChild.setAttribute('points', trips
      .map((t, i) => `${(i * (60 / 23)).toFixed(1)},${(17 - (t / top) * 16).toFixed(1)}`)
      .join(' '));
  }
  setInterval(measure, 3000);

  // --------------------------------------------------------------------------------------------- messages
  const list = $('messages');
  const by_offset = new Map(); // of the present epoch
  let stick = true; // whether the reader is at the end of the list
  const to_bottom = () => { list.scrollTop = list.scrollHeight; };

  function message_text(data) {
    if (data && typeof data.text === 'string') return data.text;
    return typeof data === 'string' ? data : JSON.stringify(data);
  }

  function message_node(pub, source) {
    const by_api = !pub.info;
    const user = by_api ? 'Back end' : name_of(pub.info);
    const data = pub.data || {};
    const own = !by_api && pub.info.user === me.user;
    const node = el('li', 'msg' + (own ? ' own' : '') + (by_api ? ' api' : '') + (data.bot === true ? ' bot' : ''));
    node.dataset.offset = pub.offset === undefined ? '' : pub.offset;
    node.dataset.text = message_text(pub.data);
    node.dataset.user = user;
    if (source === 'recovered') node.dataset.recovered = 'true';
    const dated = Number.isFinite(data.at) && Math.abs(data.at) < 8e15;
    const at = dated ? new Date(data.at) : source === 'live' ? new Date() : null;
    node.at = at ? at.getTime() : 0;
    node.epoch = position.epoch;

    const meta = el('div', 'meta');
    meta.append(el('b', 'who', user));
    if (by_api) meta.append(el('span', 'tag', 'HTTP API'));
    if (at) {
      const time = el('time', '', clock(at));
      time.dateTime = at.toISOString();
      time.title = at.toLocaleString();
      meta.append(time);
    }
    const line = el('div', 'line');
    line.append(el('p', 'bubble', node.dataset.text));
    if (source === 'recovered') line.append(el('span', 'mended', 'recovered'));
    const body = el('div', 'body');
    body.append(meta, line);
    // A client has one colour everywhere; someone without a client (the HTTP API) is neutral.
    const face = avatar(by_api ? '{ }' : user, by_api ? '' : pub.info.user);
    node.style.setProperty('--h', hue_of(by_api ? '' : pub.info.user));
    node.append(face, body);
    return node;
  }

  function join_up(node) {
    const before = node && node.previousElementSibling;
    if (!node) return;
    node.classList.toggle('more', Boolean(before) && before.dataset.user === node.dataset.user &&
      before.dataset.recovered === node.dataset.recovered && !node.dataset.gap && node.at - before.at < 300000);
  }

  /// Puts a publication where its offset belongs; one that is there already is left alone.
  function place(pub, source) {
    if (pub.offset !== undefined) {
      if (by_offset.has(pub.offset)) return null;
      by_offset.set(pub.offset, source);
    }
    const follow = stick;
    const node = message_node(pub, source);
    let next = null;
    if (pub.offset !== undefined) {
      for (let e = list.lastElementChild; e && e.epoch === position.epoch && Number(e.dataset.offset) > pub.offset;
        e = e.previousElementSibling) next = e;
    }
    list.insertBefore(node, next);
    while (list.children.length > max_messages) list.firstElementChild.remove();
    join_up(node);
    join_up(next);
    if (follow || node.classList.contains('own')) to_bottom();
    else if (source !== 'history') $('latest').hidden = false;
    return node;
  }

  async function load_history() {
    try {
      const page = await chat.history({ limit: history_page, reverse: true });
      // The position is of the log that was read; another epoch means the channel began anew meanwhile.
      if (page.epoch && page.epoch !== position.epoch) return 0;
      const added = page.publications.filter((pub) => place(pub, 'history')).length;
      if (added) to_bottom();
      return added;
    } catch (error) {
      if (ready()) hint(`No history: ${error.message || error} (${error.code || '?'})`);
      return 0;
    }
  }

  let recovering = false;
  chat.on('publication', (pub) => {
    const follow = stick;
    const node = place(pub, recovering ? 'recovered' : 'live');
    if (node && recovering) {
      note_recovered(node, pub.offset); // may add a line to it
      if (follow) to_bottom();
    }
    if (pub.offset !== undefined) position.offset = pub.offset;
    show_position();
  });

  list.addEventListener('scroll', () => {
    stick = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
    if (stick) $('latest').hidden = true;
  }, { passive: true });
  $('latest').addEventListener('click', to_bottom);
  new ResizeObserver(() => { if (stick) to_bottom(); }).observe(list);

  const outbox = [];
  function hint(text) { $('chat-hint').textContent = text; }

  async function flush() {
    while (outbox.length && ready()) {
      const text = outbox.shift();
      try { await chat.publish({ text, at: Date.now() }); } catch (error) {
        // Whether it arrived can't be known after a lost connection: sending it again is the writer's decision.
        hint(`Not confirmed: ${error.message || error}. Send it again?`);
        if (!$('chat-input').value) $('chat-input').value = text;
        return;
      }
    }
    hint(outbox.length ? `${plural(outbox.length, 'message')} will go out when the connection is back` : '');
  }

  $('chat-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = $('chat-input').value.trim();
    if (!text) return;
    $('chat-input').value = '';
    outbox.push(text);
    flush();
  });

  // ---------------------------------------------------------------------------------------------- members
  const members = new Map(); // client -> info
  let late = null; // joins and leaves that came while the list was being asked for

  function draw_members(fresh) {
    const all = [...members.values()].sort((a, b) =>
      (b.client === me.client) - (a.client === me.client) || name_of(a).localeCompare(name_of(b)) ||
      (a.client < b.client ? -1 : 1));
    const kept = new Map([...$('members').children].map((node) => [node.dataset.client, node]));
    $('members').replaceChildren(...all.map((info) => {
      const own = info.client === me.client;
      const old = kept.get(info.client);
      if (old && old.dataset.user === info.user && old.classList.contains('you') === own) return old;
      const node = el('li', 'member' + (own ? ' you' : '') + (info.client === fresh ? ' fresh' : ''));
      // Nodes are moved when the list is drawn again, which would start the animation anew.
      node.addEventListener('animationend', () => node.classList.remove('fresh'));
      node.dataset.client = info.client;
      node.dataset.user = info.user;
      node.title = `client ${info.client}`;
      node.append(avatar(name_of(info), info.user), el('span', 'member-name', name_of(info)));
      if (own) node.append(el('span', 'tag', 'you'));
      return node;
    }));
    $('member-count').textContent = members.size;
  }

  function tell(text) { $('ticker').textContent = `${text} · ${clock(new Date())}`; }

  function member_event(kind, info) {
    if (late) late.push([kind, info]);
    if (kind === 'join') members.set(info.client, info);
    else members.delete(info.client);
    if (kind === 'leave') drop_pointer(info.client);
    draw_members(kind === 'join' ? info.client : '');
    if (info.client !== me.client) tell(`${name_of(info)} ${kind === 'join' ? 'joined' : 'left'}`);
  }

  async function load_members() {
    if (late || !ready()) return;
    late = [];
    try {
      const { clients } = await chat.presence();
      members.clear();
      for (const info of Object.values(clients)) members.set(info.client, info);
      // What was pushed after the question was put may be newer than the answer.
      for (const [kind, info] of late) {
        if (kind === 'join') members.set(info.client, info);
        else members.delete(info.client);
      }
      draw_members();
    } catch { /* asked again below, and after the next subscribe */ } finally {
      late = null;
    }
  }
  chat.on('join', (ctx) => member_event('join', ctx.info));
  chat.on('leave', (ctx) => member_event('leave', ctx.info));
  setInterval(load_members, 30000);

  $('name').value = me.user;
  $('name').addEventListener('change', () => {
    const name = tidy($('name').value) || friendly_name();
    $('name').value = name;
    if (name === me.user) return;
    me.user = remember(name);
    away = null;
    renaming = true;
    client.disconnect();
    client.setToken('');
    client.connect();
  });
  $('name').addEventListener('keydown', (event) => { if (event.key === 'Enter') $('name').blur(); });
  $('invite').href = location.href;

  // --------------------------------------------------------------------------------------------- pointers
  const shown = new Map(); // client -> {node, timer}
  const room = $('room');
  let own_pointer = null; // the newest position not yet sent; null when there is none
  let pointer_timer = null;

  function drop_pointer(key) {
    const pointer = shown.get(key);
    if (!pointer) return;
    clearTimeout(pointer.timer);
    pointer.node.remove();
    shown.delete(key);
  }

  pointers.on('publication', ({ data, info }) => {
    if (!info || info.client === me.client || !data) return;
    if (!(data.x >= 0 && data.x <= 1 && data.y >= 0 && data.y <= 1)) {
      drop_pointer(info.client);
      return;
    }
    let pointer = shown.get(info.client);
    if (!pointer) {
      if (shown.size >= 60) return;
      const node = el('div', 'pointer');
      node.dataset.client = info.client;
      node.style.setProperty('--h', hue_of(info.user));
      node.append(svg_use('i-cursor'), el('span', '', name_of(info)));
      $('cursors').append(node);
      shown.set(info.client, (pointer = { node, timer: 0 }));
    }
    pointer.node.style.left = `${data.x * 100}%`;
    pointer.node.style.top = `${data.y * 100}%`;
    pointer.node.classList.toggle('flip', data.x > 0.8);
    pointer.node.classList.remove('idle');
    clearTimeout(pointer.timer);
    pointer.timer = setTimeout(() => {
      pointer.node.classList.add('idle');
      pointer.timer = setTimeout(() => drop_pointer(info.client), 600);
    }, cursor_idle);
  });

  function send_pointer() {
    pointer_timer = null;
    if (!own_pointer) return;
    const data = own_pointer;
    own_pointer = null;
    if (pointers.state !== 'subscribed') return;
    pointers.publish(data).catch(() => {});
    pointer_timer = setTimeout(send_pointer, cursor_interval);
  }

  function point(at) {
    const box = room.getBoundingClientRect();
    const part = (v, from, size) => Math.round(Math.min(1, Math.max(0, (v - from) / size)) * 1e4) / 1e4;
    own_pointer = at
      ? { x: part(at.clientX, box.left, box.width), y: part(at.clientY, box.top, box.height) }
      : { gone: true };
    if (!pointer_timer) send_pointer();
  }
  room.addEventListener('pointermove', (event) => { if (event.pointerType !== 'touch') point(event); });
  room.addEventListener('pointerleave', (event) => { if (event.pointerType !== 'touch') point(null); });
  // Touch events go on while the finger scrolls; pointer events would be cancelled there.
  for (const type of ['touchstart', 'touchmove']) {
    room.addEventListener(type, (event) => point(event.touches[0]), { passive: true });
  }

  // ------------------------------------------------------------------------------------------------- plug
  // `away` lives from the moment the subscription is lost to its return, whoever was the cause. Offsets have no
  // holes, so every number between the last one seen and the newest known is a message that was missed.
  let away = null;
  let renaming = false;
  let outage = false; // from the click on the button until Echo has left
  const idle_text = $('plug-text').textContent;
  let witness = null; // {offset, epoch}: the newest publication Echo's own connection has seen

  const bot_lines = (name) => [
    `Was that ${name}'s connection that just went?`,
    'Their socket is gone. The channel\'s log is not.',
    'So I keep talking. Every line gets the next offset.',
    'They remember the last offset they saw …',
    '… and when they are back, they ask for all that came after.',
    'No reload, no polling, no gaps.',
    'Any moment now. Act natural.',
  ];

  function refresh_drop_button() {
    $('drop').disabled = outage || !ready();
    if (!outage) $('drop-text').textContent = 'Drop the connection';
  }

  function phase(name, text) {
    $('plug').dataset.phase = name;
    if (text) $('plug-text').textContent = text;
  }

  function clear_recovery() {
    $('pips').replaceChildren();
    for (const key of Object.keys($('recovery-summary').dataset)) delete $('recovery-summary').dataset[key];
    $('recovery-summary').textContent = '';
    $('recovery-detail').textContent = '';
    phase('idle', idle_text);
  }

  function pip(offset) {
    let node = [...$('pips').children].find((p) => p.dataset.offset === String(offset));
    if (!node) {
      if ($('pips').children.length >= 40) return null;
      node = el('li', '', `#${offset}`);
      node.dataset.offset = offset;
      $('pips').append(node);
    }
    return node;
  }

  function note_recovered(node, offset) {
    away.recovered.add(offset);
    node.style.setProperty('--i', Math.min(away.recovered.size - 1, 20));
    if (away.recovered.size === 1) {
      node.dataset.gap = `${((performance.now() - away.at) / 1000).toFixed(1)} s without a connection`;
      join_up(node);
    }
    const mark = pip(offset);
    if (mark) {
      mark.style.setProperty('--i', Math.min(away.recovered.size - 1, 20));
      mark.dataset.fate = 'recovered';
    }
  }

  chat.on('subscribing', () => {
    refresh_drop_button();
    if (position.epoch && !away && !renaming) {
      if (!outage) clear_recovery();
      away = { at: performance.now(), back: 0, base: position.offset, epoch: position.epoch, recovered: new Set() };
    }
  });

  chat.on('subscribed', (ctx) => {
    const first = !position.epoch;
    const new_log = !first && ctx.streamPosition && ctx.streamPosition.epoch !== position.epoch;
    if (new_log) by_offset.clear();
    if (ctx.streamPosition) Object.assign(position, ctx.streamPosition);
    show_position();
    refresh_drop_button();
    if (away && ctx.wasRecovering) {
      away.back = performance.now();
      away.top = witness && witness.epoch === away.epoch ? witness.offset : away.base;
      // The recovered publications are delivered in this same task, the live ones after it.
      recovering = ctx.recovered;
      queueMicrotask(() => { recovering = false; });
      settle(away, ctx.recovered, new_log, ctx.recovered ? null : load_history());
    } else {
      if (first || !ctx.recovered) load_history();
      away = null;
    }
    renaming = false;
    load_members();
    measure();
    flush();
  });

  async function settle(gap, recovered, new_log, history) {
    await Promise.all([history, wait(settle_time)]);
    if (away === gap) away = null;
    const newest = recovered ? Math.max(gap.base, gap.top, ...gap.recovered)
      : new_log ? gap.top : Math.max(gap.top, position.offset);
    let missed = 0, lost = 0, reloaded = 0;
    for (let offset = gap.base + 1; offset <= newest; offset++) {
      const source = new_log ? undefined : by_offset.get(offset);
      if (source === 'live') continue;
      missed += 1;
      if (gap.recovered.has(offset)) continue;
      const in_history = source === 'history';
      if (in_history) reloaded += 1;
      else lost += 1;
      const mark = pip(offset);
      if (mark) mark.dataset.fate = in_history ? 'reloaded' : 'lost';
    }
    if (!missed && recovered && !gap.plugged) return;
    const summary = $('recovery-summary');
    const kept = gap.recovered.size;
    summary.textContent = `${plural(missed, 'message')} missed, ${kept} recovered, ${lost} lost` +
      (reloaded ? ` (${reloaded} read again from history)` : '');
    Object.assign(summary.dataset, { missed, recovered: kept, lost });
    const delay = ms_text(gap.back - (gap.mended || gap.at));
    const after = gap.mended ? `${delay} after the network came back` : `after ${delay}`;
    let detail = `Back at #${gap.base}, ${after}.`;
    if (!recovered) {
      const why = new_log ? 'the channel has a new log' : 'out of reach';
      detail = `The node could not recover from #${gap.base} (${why}); history was loaded instead.`;
    } else if (kept) {
      const range = `#${Math.min(...gap.recovered)} to #${Math.max(...gap.recovered)}`;
      detail = `Asked for everything after #${gap.base}; ${range} came in one reply, ${after}.`;
    }
    $('recovery-detail').textContent = detail;
    if (recovered && !lost) phase('done', 'Back, and nothing had to be reloaded. The position said what was missing.');
    else phase('bad', 'Back, but the log no longer reaches to where this page had been.');
  }

  /// A second client in this page, on a network of its own: someone whose connection stays up.
  async function bring_echo() {
    const echo = new Centrifuge(endpoint, { getToken: () => fetch_token('Echo the bot'), name: 'demo-bot' });
    const sub = echo.newSubscription(chat_channel);
    sub.on('subscribed', (ctx) => { if (ctx.streamPosition) witness = { ...ctx.streamPosition }; });
    sub.on('publication', (pub) => {
      if (!witness || pub.offset === undefined) return;
      witness.offset = pub.offset;
      if (away && cable.cut && pub.offset > away.base) {
        pip(pub.offset);
        $('recovery-summary').textContent = `${plural(pub.offset - away.base, 'message')} missed so far`;
      }
    });
    sub.subscribe();
    echo.connect();
    await sub.ready(3000).catch(() => {});
    return {
      say: (text) => sub.publish({ text, at: Date.now(), bot: true }).catch(() => {}),
      leave: () => echo.disconnect(),
    };
  }

  $('drop').addEventListener('click', async () => {
    if (outage || !ready()) return;
    outage = true;
    refresh_drop_button();
    const length = Math.max(1, Number($('drop').dataset.seconds) || 6) * 1000;
    clear_recovery();
    phase('arming', 'Echo is coming in …');
    const echo = await bring_echo();

    cut_cable();
    const gap = away || { base: position.offset };
    gap.plugged = true;
    phase('cut', `Cut off at #${gap.base}. The room goes on without you.`);
    const start = performance.now();
    const lines = bot_lines(me.user);
    let said = 0;
    while (performance.now() - start < length) {
      const gone = performance.now() - start;
      $('drop-text').textContent = `Offline · ${Math.ceil((length - gone) / 1000)} s`;
      $('fuse').style.transform = `scaleX(${1 - gone / length})`;
      if (gone >= bot_first + said * bot_interval) {
        echo.say(`${said + 1} · ${lines[said % lines.length]}`);
        said += 1;
      }
      await wait(50);
    }
    $('fuse').style.transform = 'scaleX(0)';
    $('drop-text').textContent = 'Reconnecting …';
    phase('returning', `Back on the network: asking for everything after #${gap.base}.`);
    gap.mended = performance.now();
    mend_cable();
    for (let i = 0; i < 100 && away === gap; i++) await wait(100);
    await wait(800); // long enough for everyone to see Echo leave after the page is back
    echo.leave();
    witness = null;
    outage = false;
    refresh_drop_button();
  });

  // --------------------------------------------------------------------------------------------- back end
  const payload = JSON.stringify({ channel: chat_channel, data: { text: 'Hello from the back end' } });
  $('curl').textContent =
    `curl ${location.origin}/api/publish \\\n  -H "X-API-Key: $PLEXUS_API_KEY" \\\n  -d '${payload}'`;
  $('copy').addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText($('curl').textContent);
    } catch { // no clipboard outside of a secure context: select it, so that one key copies it
      getSelection().selectAllChildren($('curl'));
      $('copy').textContent = document.execCommand('copy') ? 'Copied' : 'Selected';
      return;
    }
    $('copy').textContent = 'Copied';
    setTimeout(() => { $('copy').textContent = 'Copy'; }, 1600);
  });

  show_state('connecting');
  chat.subscribe();
  pointers.subscribe();
  client.connect();
})();
