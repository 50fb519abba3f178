// Socket.IO on Node.js as a peer of the fan-out: one room, its own events, over WebSocket alone.
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const ready = process.argv[process.argv.indexOf('--ready-file') + 1];
const frame = Number(process.argv[process.argv.indexOf('--frame') + 1]); // bytes of an event on the wire, its header 4 of them
const http = createServer();
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });

io.on('connection', (socket) => {
  socket.on('m', (command) => {
    if (command.connect) socket.emit('m', { id: command.id, connect: {} });
    if (command.subscribe) {
      socket.join('room');
      socket.emit('m', { id: command.id, subscribe: {} });
    }
    if (command.publish) {
      const pub = { data: command.publish.data, tags: { _: '' } };
      const push = { push: { channel: 'bench:room', pub } };
      pub.tags._ = 'x'.repeat(Math.max(0, frame - 4 - JSON.stringify(['m', push]).length - '42'.length));
      io.to('room').emit('m', push);
      socket.emit('m', { id: command.id, publish: {} });
    }
  });
});
http.listen(0, '127.0.0.1', () => {
  writeFileSync(`${ready}.new`, JSON.stringify({ pid: process.pid, port: http.address().port }));
  renameSync(`${ready}.new`, ready);
});
