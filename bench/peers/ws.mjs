// `ws` on Node.js as a peer of the fan-out: one room, the texts that the load waits for, a loop over its members.
import { renameSync, writeFileSync } from 'node:fs';
import { WebSocketServer } from 'ws';

const ready = process.argv[process.argv.indexOf('--ready-file') + 1];
const frame = Number(process.argv[process.argv.indexOf('--frame') + 1]); // bytes of a push on the wire, its header 4 of them
const room = new Set();
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: 1 << 20 });

server.on('connection', (socket) => {
  socket.on('message', (bytes) => {
    for (const line of bytes.toString().split('\n')) {
      if (line === '{}' || line === '') continue;
      const command = JSON.parse(line);
      if (command.connect) socket.send(`{"id":${command.id},"connect":{"version":"ws","ping":25,"pong":true}}`);
      if (command.subscribe) {
        room.add(socket);
        socket.send(`{"id":${command.id},"subscribe":{}}`);
      }
      if (command.publish) {
        const plain = `{"push":{"channel":"bench:room","pub":{"data":${JSON.stringify(command.publish.data)},"tags":{"_":""}}}}`;
        const push = plain.replace('"_":""', `"_":"${'x'.repeat(Math.max(0, frame - 4 - plain.length))}"`);
        for (const each of room) each.send(push);
        socket.send(`{"id":${command.id},"publish":{}}`);
      }
    }
  });
  socket.on('close', () => room.delete(socket));
});
server.on('listening', () => {
  writeFileSync(`${ready}.new`, JSON.stringify({ pid: process.pid, port: server.address().port }));
  renameSync(`${ready}.new`, ready);
});
