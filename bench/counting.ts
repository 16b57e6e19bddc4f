/**
 * What it costs that requests are counted and turns are measured, always: turns of one request each, of an engine in this
 * process, without a journal, a socket or a loop. Prints nanoseconds for a turn; `deno task bench:counting
 * [with|without] [ROUNDS]`. Each is a process of its own, since code that was replaced is compiled in another way. As
 * the loop does, each turn asks for the time once: by the clock of before where nothing is counted.
 */
import { monotonicMs } from "../ffi/monotonic_clock.ts";
import { systemClock } from "../lib/clock.ts";
import { Engine } from "../lib/engine/engine.ts";
import { NoJournal } from "../lib/journal/journal.ts";
import { Trace } from "../lib/server/logging/trace.ts";
import { Peer } from "../lib/server/peer/peer.ts";
import { Turns } from "../lib/server/scheduler.ts";
import { MessageType as T } from "../lib/wire/message_type.ts";
import { MemoryTransport } from "../tests/support/memory_transport.ts";
import { StreamClient } from "../tests/support/stream_client.ts";
import { leaveOutCounting } from "./leave_out_counting.ts";

const TURNS = 20_000;
const [how = "with", rounds = "9"] = Deno.args;

const isCounted = how === "with";
if (!isCounted) leaveOutCounting();
const now = isCounted ? monotonicMs : systemClock.now;

const engine = new Engine({
  domains: { info: () => null, open: () => 0, reset: () => {}, close: () => {} },
});
const turns = new Turns(engine, new NoJournal(), new Trace(), () => {});
if (isCounted) turns.times.stopwatch = monotonicMs;
const [near, far] = MemoryTransport.pair();
const peer = new Peer("socket", 1, near, turns);
near.onChange = () => turns.ready(peer);
peer.connection = engine.connect({ kind: "socket", domid: 0, label: "bench", outbox: peer });
const client = new StreamClient(far);

function run(type: T, payload: string): number {
  const began = performance.now();
  for (let i = 0; i < TURNS; i++) {
    client.send(type, 0, payload);
    turns.turn(now());
    turns.maintain(false);
    client.receive();
  }
  return (performance.now() - began) * 1e6 / TURNS;
}

const times = new Map<string, number[]>();
for (let round = 0; round < Number(rounds) + 2; round++) {
  for (
    const [name, type, payload] of [
      ["read", T.READ, "/tool\0"],
      ["write", T.WRITE, "/tool/x\x001"],
    ] as const
  ) {
    const ns = run(type, payload);
    // The first two warm up.
    if (round >= 2) times.set(name, [...times.get(name) ?? [], ns]);
  }
}
for (const [name, values] of times) {
  const all = values.sort((a, b) => a - b);
  const middle = all[all.length >> 1]!.toFixed(0), least = all[0]!.toFixed(0);
  console.log(`${`${name}, ${how} counting`.padEnd(24)} ${middle} ns, at least ${least} ns`);
}
