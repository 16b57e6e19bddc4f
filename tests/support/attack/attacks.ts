import { MessageType as T } from "../../../lib/wire/message_type.ts";
import type { Random } from "../random.ts";
import { ANSWERED, type Attacker, MEET, PAUSE, type Program, request } from "./attacker.ts";

/** Where an attacker stands among the others of its attack. */
export interface Place {
  /** Its domain; 0 for a client of the socket. */
  readonly domid: number;
  /** From 0, among those of its kind. */
  readonly index: number;
  /** The domains of all attacking guests. */
  readonly domids: readonly number[];
  /** Milliseconds since the attack began. */
  now(): number;
  /** Its own: what it chooses does not depend on how fast the others are. */
  readonly random: Random;
}

/** Something that hostile clients do together. */
export interface Attack {
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** What an attacking guest plays. */
  readonly guest?: (self: Attacker, place: Place) => Program;
  /** How many guests it takes unless told; 30 where it says nothing. */
  readonly guests?: number;
  /** What a client of domain 0's socket plays, and how many there are. */
  readonly socket?: (self: Attacker, place: Place) => Program;
  readonly sockets?: number;
  /** Requests that a client leaves without a reply at most. */
  readonly window?: number;
  /** Makes sense on a small disk only. */
  readonly needsDisk?: boolean;
}

/** A node that every guest may write and that dom0's transaction reads. */
export const SHARED = "/shared/x";

/** A path of so many levels with names of one letter, below `top`. */
export function chain(levels: number, top = "a"): string {
  return [top, ...Array<string>(levels - 1).fill("a")].join("/");
}

const value2k = "v".repeat(2000);

function* journalFlood(_self: Attacker, { domid }: Place): Program {
  yield request(T.WRITE, `x\0${value2k}`);
  const message = request(T.SET_PERMS, `x\0n${domid}\0`);
  for (;;) yield message;
}

function* dom0Writes(_self: Attacker, { index }: Place): Program {
  const messages = Array.from(
    { length: 16 },
    (_, i) => request(T.WRITE, `/flood/${index}/${i}\0${value2k}`),
  );
  for (;;) yield* messages;
}

function mkdirRm(levels: number): (self: Attacker, place: Place) => Program {
  return function* (): Program {
    const messages = [request(T.MKDIR, `${chain(levels)}\0`), request(T.RM, "a\0")];
    for (;;) yield* messages;
  };
}

function deepWatch(number: number): Uint8Array {
  return request(T.WATCH, `${chain(1020, `${number}`)}\0t\0`);
}

function* deepWatches(): Program {
  for (let i = 0; i < 128; i++) yield deepWatch(100 + i);
}

function* resetWatches(): Program {
  const watches = Array.from({ length: 127 }, (_, i) => deepWatch(100 + i));
  const reset = request(T.RESET_WATCHES, "\0");
  for (;;) {
    yield* watches;
    yield reset;
  }
}

/**
 * Other values all the time: a transaction whose reads would give the same now conflicts with nobody.
 * So many that they do not begin again with each ring full of requests.
 */
function* sharedWrites(domid: number): Generator<Uint8Array, never, void> {
  const messages = Array.from(
    { length: 97 },
    (_, i) => request(T.WRITE, `${SHARED}\0${domid}-${i}`),
  );
  for (;;) yield* messages;
}

function* writeShared(_self: Attacker, { domid }: Place): Program {
  yield* sharedWrites(domid);
}

/** Guests write the shared node one after the other, a write each. */
function* takeTurns(_self: Attacker, { domid, index, domids, now }: Place): Program {
  const writes = sharedWrites(domid);
  for (let turn = -1;;) {
    const next = Math.floor(now() * 2);
    if (next !== turn && next % domids.length === index) {
      yield writes.next().value;
      yield ANSWERED;
    } else yield PAUSE;
    turn = next;
  }
}

const start = request(T.TRANSACTION_START, "\0");

function end(txId: number, word: "T" | "F"): Uint8Array {
  return request(T.TRANSACTION_END, `${word}\0`, txId);
}

/** Starts so many transactions; there may be fewer, if the daemon refuses some. */
function* startAll(count: number): Program {
  for (let i = 0; i < count; i++) yield start;
  yield ANSWERED;
}

function* endAll(self: Attacker, word: "T" | "F"): Program {
  yield* self.transactions.map((txId) => end(txId, word));
  yield ANSWERED;
}

function* preparedCommits(self: Attacker, _place: Place): Program {
  for (;;) {
    yield* startAll(8);
    for (const [i, txId] of self.transactions.entries()) {
      yield request(T.MKDIR, `${chain(990, `t${i}`)}\0`, txId);
    }
    yield MEET;
    yield* endAll(self, "T");
    for (let i = 0; i < 8; i++) yield request(T.RM, `t${i}\0`);
    yield MEET;
  }
}

function* socketFlood(_self: Attacker, { index }: Place): Program {
  const message = request(T.WRITE, `/flood/${index}\0some value of some length`);
  for (;;) yield message;
}

/** 1.9 KB of path, below which 480 names fit within node-size. */
const LONG_PATH = Array<string>(30).fill("d".repeat(62)).join("/");

function* longCommits(self: Attacker): Program {
  for (;;) {
    yield* startAll(1);
    for (const txId of self.transactions) {
      for (let i = 100; i < 580; i++) yield request(T.WRITE, `${LONG_PATH}/${i}\0`, txId);
    }
    yield* endAll(self, "T");
    yield request(T.RM, `${"d".repeat(62)}\0`);
    yield ANSWERED;
  }
}

const SLOW_MS = 4_000;

/** Reads its events for four seconds of eight. */
function* slowWatcher(self: Attacker, { now }: Place): Program {
  yield request(T.WATCH, "/local/domain\0slow\0");
  yield ANSWERED;
  for (;;) {
    self.reading = now() % (2 * SLOW_MS) >= SLOW_MS;
    yield PAUSE;
  }
}

const DIRECTORIES = 2;
const LEAVES = 400;

function* writeLeaves(): Program {
  for (let i = 0; i < DIRECTORIES * LEAVES; i++) {
    yield request(T.WRITE, `p${i % DIRECTORIES}/${100 + i}\0${value2k}`);
  }
}

function* pinnedValues(self: Attacker): Program {
  yield* writeLeaves();
  for (let round = 0; round < 10; round++) {
    yield* startAll(1);
    const txId = self.transactions.at(-1);
    if (txId !== undefined) yield request(T.READ, "p0/100\0", txId);
    yield ANSWERED;
    yield* writeLeaves();
  }
}

/** Every second guest watches and takes no event, its neighbour makes them. */
function* unreadEvents(self: Attacker, { index, domids }: Place): Program {
  const isWatcher = index % 2 === 0;
  if (!isWatcher) {
    yield request(T.WRITE, "pub\0");
    yield request(T.SET_PERMS, `pub\0r${domids[index]}\0`);
  }
  yield MEET;
  if (isWatcher) {
    const target = `/local/domain/${domids[index + 1] ?? domids[0]}/pub`;
    for (let i = 0; i < 128; i++) {
      yield request(T.WATCH, `${target}\0${`${i}`.padEnd(1000, "t")}\0`);
    }
    yield MEET;
    self.reading = false;
    return;
  }
  yield MEET;
  const messages = Array.from(
    { length: 64 },
    (_, i) => request(T.WRITE, `pub/${i}${"p".repeat(15)}\0`),
  );
  for (;;) yield* messages;
}

const WATCHES = 128;

/** Watches everything that there is. */
function* watchAll(): Program {
  for (let i = 0; i < WATCHES; i++) yield request(T.WATCH, `/\0${i}\0`);
  yield ANSWERED;
}

/** All watch everything, and commit nodes that all may read. */
function* fanOut(self: Attacker, { domid }: Place): Program {
  yield* watchAll();
  yield request(T.WRITE, "pub\0");
  yield request(T.SET_PERMS, `pub\0b${domid}\0`);
  yield MEET;
  for (;;) {
    yield* startAll(1);
    for (const txId of self.transactions) {
      for (let i = 0; i < 200; i++) yield request(T.WRITE, `pub/${i}\0v`, txId);
    }
    yield* endAll(self, "T");
  }
}

function* allDomids(_self: Attacker, { domid, index }: Place): Program {
  yield request(T.WRITE, "x\0");
  for (let at = index * 2000;; at += 4) {
    const others = [0, 1, 2, 3].map((i) => `r${(at + i) % 65_536}\0`).join("");
    yield request(T.SET_PERMS, `x\0n${domid}\0${others}`);
  }
}

function* logFlood(self: Attacker): Program {
  const path = `${LONG_PATH}/x`;
  const write = request(T.WRITE, `${path}\0v`);
  yield write;
  for (;;) {
    yield* startAll(1);
    for (const txId of self.transactions) {
      yield request(T.READ, `${path}\0`, txId);
      yield request(T.WRITE, `y\0v`, txId);
    }
    yield ANSWERED;
    yield write;
    yield* endAll(self, "T");
  }
}

function* parallelNames(self: Attacker): Program {
  yield request(T.MKDIR, "d\0");
  for (;;) {
    yield* startAll(10);
    for (const [i, txId] of self.transactions.entries()) {
      for (let j = 0; j < 9; j++) {
        yield request(T.MKDIR, `d/${`${i}-${j}`.padEnd(200, "n")}\0`, txId);
      }
    }
    yield* endAll(self, "T");
    yield request(T.DIRECTORY, "d\0");
    for (let i = 0; i < 90; i++) {
      const name = `${Math.floor(i / 9)}-${i % 9}`.padEnd(200, "n");
      yield request(T.RM, `d/${name}\0`);
    }
    yield ANSWERED;
  }
}

function* disconnect(self: Attacker): Program {
  for (let i = 0; i < 40_000; i++) yield request(T.WATCH, `/watched\0${i}\0`);
  yield ANSWERED;
  self.disconnect();
}

/** Fills the disk, then has the daemon keep long watches. */
function* fullDiskWatches(self: Attacker, place: Place): Program {
  yield request(T.WRITE, `x\0${value2k}`);
  const change = request(T.SET_PERMS, `x\0n${place.domid}\0`);
  while (place.now() < 2_000 && self.lastError !== "ENOSPC") yield change;
  const reset = request(T.RESET_WATCHES, "\0");
  for (;;) {
    for (let i = 0; i < 128; i++) {
      yield request(T.WATCH, `${`${i}/`.padEnd(2000, "w")}\0${"t".repeat(2050)}\0`);
    }
    yield ANSWERED;
    yield reset;
  }
}

/** What a mix is made of: what needs no others, and leaves nothing behind that {@link tidyUp} does not take. */
const MIXED = [
  journalFlood,
  mkdirRm(480),
  mkdirRm(990),
  deepWatches,
  resetWatches,
  writeShared,
  lonelyCommits,
  longCommits,
  pinnedValues,
  allDomids,
  logFlood,
  parallelNames,
] as const;

/** Prepared commits of a guest that waits for no others. */
function* lonelyCommits(self: Attacker, place: Place): Program {
  for (const step of preparedCommits(self, place)) yield step === MEET ? ANSWERED : step;
}

/** All that the mixed attacks leave at the top of a guest's home. */
const LEFT = ["a", "d", "d".repeat(62), "p0", "p1", "pub", "x", "y"];

function* tidyUp(self: Attacker): Program {
  yield ANSWERED;
  yield* endAll(self, "F");
  yield request(T.RESET_WATCHES, "\0");
  for (const name of LEFT) yield request(T.RM, `${name}\0`);
  for (let i = 0; i < 8; i++) yield request(T.RM, `t${i}\0`);
  yield ANSWERED;
}

/** One attack after the other, each for a while, as chance has it. */
function* mix(self: Attacker, place: Place): Program {
  const { random } = place;
  for (;;) {
    const program = random.pick(MIXED)(self, place);
    for (let steps = random.below(1_000); steps > 0; steps--) {
      const { done, value } = program.next();
      if (done) break;
      yield value;
    }
    yield* tidyUp(self);
    yield PAUSE;
  }
}

/** Everything that the project knows to do against itself. */
export const ATTACKS: readonly Attack[] = [
  {
    name: "journal-flood",
    summary: "SET_PERMS of a node with 2 KB of value, pipelined",
    guest: journalFlood,
  },
  {
    name: "dom0-writes",
    summary: "four sockets of dom0 pipeline WRITEs of 2 KB",
    socket: dom0Writes,
    sockets: 4,
    guests: 0,
  },
  { name: "mkdir-480", summary: "MKDIR of 480 levels and RM", guest: mkdirRm(480), guests: 4 },
  { name: "mkdir-990", summary: "MKDIR of 990 levels and RM", guest: mkdirRm(990) },
  {
    name: "full-disk-watches",
    summary: "fills the disk, then watches with 4 KB of path and token",
    guest: fullDiskWatches,
    needsDisk: true,
  },
  { name: "deep-watches", summary: "128 watches of 1,020 levels each, kept", guest: deepWatches },
  {
    name: "reset-watches",
    summary: "127 watches of 1,020 levels each and RESET_WATCHES",
    guest: resetWatches,
  },
  {
    name: "eagain",
    summary: "a guest writes what dom0's transaction reads",
    guest: writeShared,
    guests: 1,
  },
  { name: "eagain-30", summary: "the same by thirty guests at once", guest: writeShared },
  {
    name: "eagain-turns",
    summary: "the same by guests that take turns, one write each 0.5 ms",
    guest: takeTurns,
  },
  {
    name: "prepared-commits",
    summary: "eight commits of 990 levels a guest, sent by all at once",
    guest: preparedCommits,
  },
  {
    name: "socket-flood",
    summary: "ten sockets with 64 WRITEs outstanding",
    socket: socketFlood,
    sockets: 10,
    guests: 0,
    window: 64,
  },
  {
    name: "slow-watcher",
    summary: "dom0 watches and is busy for 4 s, guests commit 480 nodes with 1.9 KB paths",
    guest: longCommits,
    guests: 4,
    socket: slowWatcher,
    sockets: 1,
  },
  {
    name: "pinned-values",
    summary: "ten transactions with one READ, all values written anew behind each",
    guest: pinnedValues,
  },
  {
    name: "unread-events",
    summary: "every second guest watches and takes nothing, the others make events",
    guest: unreadEvents,
  },
  {
    name: "watch-all",
    summary: "128 watches a guest on what all others change",
    guest: watchAll,
  },
  {
    name: "fan-out",
    summary: "the same by guests that commit 200 nodes which all may read",
    guest: fanOut,
  },
  { name: "all-domids", summary: "SET_PERMS names all domids", guest: allDomids },
  {
    name: "log-flood",
    summary: "a guest's own EAGAINs with paths of 1.9 KB",
    guest: logFlood,
  },
  {
    name: "parallel-names",
    summary: "ten parallel transactions fill one directory",
    guest: parallelNames,
  },
  {
    name: "disconnect",
    summary: "a client of dom0 with 40,000 watches on one path disconnects",
    socket: disconnect,
    sockets: 1,
    guests: 0,
  },
  {
    name: "mix",
    summary: "guests and sockets do one of all these after the other, at random",
    guest: mix,
    socket: socketFlood,
    sockets: 2,
  },
];
