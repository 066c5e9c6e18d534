import { test } from 'vitest';
import { startRedis } from '../support/redis.ts';
import { startRedisCluster, startSentinelSet } from '../support/redis-topologies.ts';
test('x', async () => {
const t=Date.now();
{ await using r = await startRedis({config:{maxmemory:'10mb'}}); console.log(r.url, await r.ask('PING'), await r.ask('CONFIG','GET','appendfsync'), await r.ask('CONFIG','GET','save')); await r.restart(); console.log(await r.ask('PING'), Date.now()-t); r.freeze(); }
{ await using c = await startRedisCluster(); console.log(c.url, Date.now()-t, (await c.nodeOf('x')).port);}
{ await using s = await startSentinelSet(); console.log(s.url, Date.now()-t);}
console.log(Date.now()-t);
});
