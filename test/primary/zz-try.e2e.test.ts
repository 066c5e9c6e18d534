import { io } from 'socket.io-client';
import { test } from 'vitest';
import { PlainServer } from '../support/plain-server.ts';
test('try', async () => {
  for (let round = 0; round < 70; round += 1) {
    await using server = await PlainServer.start({ workers: 4 });
    const got: string[] = [];
    const clients = Array.from({ length: 400 }, (_, i) => {
      const c = io(server.url, { transports: ['websocket'], forceNew: true, reconnection: false, timeout: 30000 });
      got[i] = 'none';
      c.io.engine?.on?.('open', () => { got[i] = 'open'; });
      c.on('connect', () => { got[i] = 'connect'; });
      c.on('connect_error', (e) => { got[i] = `error ${e.message} ${JSON.stringify((e as any).description?.message ?? '')}`; });
      c.on('disconnect', (r) => { got[i] = `disc ${r}`; });
      c.on('welcome', () => { got[i] = 'welcome'; });
      return c;
    });
    const t = Date.now();
    while (Date.now() - t < 20000 && got.some((g) => g !== 'welcome')) await new Promise((r) => setTimeout(r, 50));
    const c: Record<string, number> = {};
    for (const g of got) c[g] = (c[g] ?? 0) + 1;
    console.log(Date.now() - t, JSON.stringify(c), JSON.stringify(await server.counts()), JSON.stringify((await server.workers()).map((w) => w.sockets)));
    for (const x of clients) x.disconnect();
  }
}, 500000);
