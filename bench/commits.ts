/**
 * What it costs to have each commit told, and not to: requests to an engine in this process, without a
 * journal, a socket or a turn. Prints nanoseconds for each; `deno task bench:commits [silent|told] [ROUNDS]`.
 * Each is a process of its own, since code that has seen a listener is compiled for both.
 */
import type { Commit } from "../lib/engine/commit_listener.ts";
import { Engine } from "../lib/engine/engine.ts";
import { MessageType as T } from "../lib/wire/message_type.ts";
import { toBytes } from "../lib/wire/text.ts";

const REQUESTS = 40_000;
const [how = "silent", rounds = "9"] = Deno.args;

interface Request {
  readonly type: number;
  readonly payload: Uint8Array;
  readonly inside: boolean;
}

function request(type: number, payload: string, inside = false): Request {
  return { type, payload: toBytes(payload), inside };
}

const PATH = "/local/domain/5/device/vif/0";

/** What is asked again and again, by name. */
const WORK: Readonly<Record<string, readonly Request[]>> = {
  write: [request(T.WRITE, `${PATH}/state\x004`)],
  "mkdir + rm": [request(T.MKDIR, `${PATH}/new\0`), request(T.RM, `${PATH}/new\0`)],
  transaction: [
    request(T.TRANSACTION_START, "\0"),
    request(T.READ, `${PATH}/state\0`, true),
    request(T.WRITE, `${PATH}/state\x004`, true),
    request(T.WRITE, `${PATH}/mac\x004`, true),
    request(T.TRANSACTION_END, "T\0", true),
  ],
};

/** Reads what it is told, as a history would. */
const LISTENER = {
  committed: (commit: Commit): void =>
    commit.visit((_trail, _old, now) => (told += now === null ? 0 : 1) >= 0),
  aborted: (): void => {},
};
let told = 0;

function start(listens: boolean): (work: readonly Request[], times: number) => void {
  let txId = 0;
  const outbox = {
    reply: (type: number, _reqId: number, _txId: number, payload: Uint8Array): void => {
      if (type === T.TRANSACTION_START) {
        txId = Number(new TextDecoder().decode(payload.subarray(0, -1)));
      }
      if (type === T.ERROR) throw new Error(new TextDecoder().decode(payload));
    },
    event: (): void => {},
  };
  const domains = { info: () => null, open: () => 0, reset: () => {}, close: () => {} };
  const engine = new Engine(listens ? { domains, listener: LISTENER } : { domains });
  const client = engine.connect({ kind: "socket", domid: 0, label: "bench", outbox });
  const ask = ({ inside, payload, type }: Request): void => {
    const header = { type, reqId: 0, txId: inside ? txId : 0, len: payload.length };
    engine.handle(client, header, payload, 0);
  };
  for (let i = 0; i < 200; i++) ask(request(T.WRITE, `/local/domain/${i}/device/vif/0/state\x004`));
  ask(request(T.WRITE, `${PATH}/mac\x004`));
  return (work, times) => {
    for (let i = 0; i < times; i++) for (const one of work) ask(one);
  };
}

const run = start(how === "told");
const times = new Map<string, number[]>();
for (let round = 0; round < Number(rounds) + 2; round++) {
  for (const [name, work] of Object.entries(WORK)) {
    const began = performance.now();
    run(work, REQUESTS);
    const ns = (performance.now() - began) * 1e6 / REQUESTS;
    // The first two warm up.
    if (round >= 2) times.set(name, [...times.get(name) ?? [], ns]);
  }
}
for (const [name, values] of times) {
  const all = values.sort((a, b) => a - b);
  const middle = all[all.length >> 1]!.toFixed(0), least = all[0]!.toFixed(0);
  console.log(`${`${name}, ${how}`.padEnd(24)} ${middle} ns, at least ${least} ns`);
}
