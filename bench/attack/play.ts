/** Plays one attack against one daemon, and measures what it does to the others. */
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import type { Attack } from "../../tests/support/attack/attacks.ts";
import type { Told } from "../../tests/support/attack/probes.ts";
import { pause } from "../../tests/support/patience.ts";
import { Spinners } from "./control.ts";
import { type FileBytes, fileBytes, residentBytes } from "./footprint.ts";
import type { Seen } from "./quiet_clients.ts";
import { type Contender, Stage } from "./stage.ts";

/** How an attack is played. */
export interface Settings {
  readonly seconds: number;
  /** Attacking guests, where the attack does not say. */
  readonly guests: number | null;
  /** Seconds of rest after the attack: files are looked at after a third of them, memory at the end. */
  readonly rest: number;
  /** Whether the same attack follows in the same daemon. */
  readonly twice: boolean;
  /** Processes that run all the time beside the daemon. */
  readonly spin: number;
  readonly seed: number;
  /** Megabytes of the file system for the daemon's state; null for the machine's own. */
  readonly disk: number | null;
  /** Megabytes that V8's heap may have; null for V8's own limit. */
  readonly heap: number | null;
  /** The daemon's `--memory`; null for its default. */
  readonly memory: string | null;
}

/** Milliseconds. */
export interface Waits {
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
  readonly count: number;
}

/** What memory a second attack took, in bytes. */
export interface Again {
  readonly memoryPeak: number;
  readonly memoryAfter: number;
  readonly told: Record<"peak" | "after", Told | null>;
}

/** What was seen. Bytes are bytes. */
export interface Result {
  readonly attack: string;
  readonly contender: string;
  /** By the name of the client that measured. */
  readonly waits: ReadonlyMap<string, Waits>;
  readonly commits: number;
  readonly ends: number;
  readonly longestRow: number;
  readonly files: Record<"before" | "peak" | "after", FileBytes>;
  readonly memoryBefore: number;
  readonly memoryPeak: number;
  readonly memoryAfter: number;
  /** What the daemon told of its own memory; null where it did not. */
  readonly told: Record<"before" | "peak" | "after", Told | null>;
  /** The same attack once more in the same daemon; null where it was not played, or its guests died with it. */
  readonly again: Again | null;
  readonly logBytes: number;
  /** Replies that attackers got in a second, and the time of the daemon's main thread for each, in us. */
  readonly rate: number;
  readonly replyUs: number;
  readonly errors: ReadonlyMap<string, number>;
  /** Attackers that the daemon disconnected or ignores. */
  readonly disconnected: number;
  /** Milliseconds from the attackers' end until a WRITE of domain 0 succeeded; null for not at all. */
  readonly writableAfter: number | null;
  /** What ended it early; null where nothing did. */
  readonly stopped: string | null;
  /** How late the clients that measure were themselves at most, in ms: waits up to this say nothing. */
  readonly late: number;
  /** How long the attackers' loop, and the daemon's main thread, were ready and had no processor, in ms. */
  readonly loopStarved: number;
  readonly starved: number;
}

/** Looks at files and memory so often, in ms. */
const LOOK_MS = 50;
/** An attack that has taken so much of the machine has shown what it can do. */
const BYTES_MAX = 3e9;
/** Rounds of nothing before the loop lets the processor go, and for how long, in ms. */
const IDLE_ROUNDS = 20;
const IDLE_MS = 0.02;
/** How long domain 0 may wait for its first write after the attack, in ms. */
const WRITABLE_MS = 30_000;

const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));

/** @throws {Error} when the daemon could not be set up */
export async function play(
  contender: Contender,
  attack: Attack,
  settings: Settings,
): Promise<Result> {
  const guests = settings.guests === null || attack.guests === 0
    ? attack.guests ?? 30
    : settings.guests;
  const { disk: diskMegabytes, heap: heapMegabytes, memory, seed, spin } = settings;
  const scale = { guests, diskMegabytes, heapMegabytes, memory, seed };
  await using stage = await Stage.make(contender, attack, scale);
  const { pid } = stage.daemon;
  await pause(1_000);
  const before = look(stage);
  const toldBefore = await stage.memory();
  const logBefore = stage.daemon.output().length;
  const quiet = await stage.measure();
  const peak = await driveBeside(spin, stage, settings.seconds * 1000, before);
  const seen = await quiet.end() ?? NOTHING;
  const writableAfter = stage.isAlive ? await end(stage) : null;
  if (!stage.isAlive) peak.stopped = await stage.lastWords();
  await pause(settings.rest * 1000 / 3);
  const filesAfter = filesOf(stage);
  await pause(settings.rest * 2000 / 3);
  return {
    attack: attack.name,
    contender: contender.name,
    waits: new Map([...seen.times].map(([name, times]) => [name, waitsOf(times)])),
    commits: seen.commits,
    ends: seen.ends,
    longestRow: seen.longestRow,
    late: seen.late,
    files: { before: before.files, peak: peak.files, after: filesAfter },
    memoryBefore: before.memory,
    memoryPeak: peak.memory,
    memoryAfter: residentBytes(pid) ?? 0,
    told: {
      before: toldBefore,
      peak: stage.statusProbe.most,
      after: stage.isAlive ? await stage.memory() : null,
    },
    logBytes: stage.daemon.output().length - logBefore,
    rate: peak.replies / settings.seconds,
    replyUs: peak.ran * 1_000 / peak.replies,
    errors: stage.crew.errors,
    disconnected: peak.disconnected,
    writableAfter,
    stopped: peak.stopped,
    loopStarved: peak.loopStarved,
    starved: peak.starved,
    again: settings.twice && stage.isAlive ? await playAgain(stage, settings) : null,
  };
}

async function playAgain(stage: Stage, settings: Settings): Promise<Again | null> {
  await stage.again();
  const peak = drive(stage, settings.seconds * 1000, look(stage));
  if (!stage.isAlive) return null;
  await end(stage);
  await pause(settings.rest * 1000);
  return {
    memoryPeak: peak.memory,
    memoryAfter: residentBytes(stage.daemon.pid) ?? 0,
    told: { peak: stage.statusProbe.most, after: await stage.memory() },
  };
}

const DIED = "the daemon died";
/** What clients have seen that the daemon disconnected. */
const NOTHING: Seen = { times: new Map(), ends: 0, commits: 0, longestRow: 0, late: NaN };

interface Look {
  files: FileBytes;
  memory: number;
}

interface Peak extends Look {
  replies: number;
  disconnected: number;
  stopped: string | null;
  loopStarved: number;
  /** How long the daemon's main thread has run. */
  ran: number;
  starved: number;
}

function filesOf({ host }: Stage): FileBytes {
  return fileBytes(host.path, `${host.path}/run`);
}

/** How long the main thread has run, and been ready to run, in ms: ns in schedstat (proc(5), sched-stats). */
function threadTimes(pid: number): { ran: number; starved: number } {
  try {
    const [ran, starved] = Deno.readTextFileSync(`/proc/${pid}/schedstat`).split(" ");
    return { ran: Number(ran) / 1e6, starved: Number(starved) / 1e6 };
  } catch {
    return { ran: NaN, starved: NaN };
  }
}

function look(stage: Stage): Look {
  return { files: filesOf(stage), memory: residentBytes(stage.daemon.pid) ?? 0 };
}

async function driveBeside(spin: number, stage: Stage, ms: number, before: Look): Promise<Peak> {
  await using _spinners = new Spinners(spin);
  return drive(stage, ms, before);
}

/** One thread plays all attackers, and never waits for the daemon. */
function drive(stage: Stage, ms: number, { files, memory }: Look): Peak {
  const none = { replies: 0, disconnected: 0 };
  const times = { loopStarved: 0, ran: 0, starved: 0 };
  const peak: Peak = { files: { ...files }, memory, ...none, ...times, stopped: null };
  const { crew, statusProbe } = stage;
  const before = threadTimes(stage.daemon.pid), loopBefore = threadTimes(Deno.pid);
  stage.begin();
  const began = performance.now();
  let now = began, looked = began, idle = 0;
  while (now - began < ms && peak.stopped === null) {
    const moved = crew.step();
    now = performance.now();
    idle = statusProbe.step(now) || moved ? 0 : idle + 1;
    if (now - looked > LOOK_MS) {
      looked = now;
      watch(stage, peak);
    }
    if (idle > IDLE_ROUNDS) Atomics.wait(nobodyWakes, 0, 0, IDLE_MS);
  }
  peak.replies = crew.replies;
  peak.disconnected = crew.disconnected;
  const after = threadTimes(stage.daemon.pid);
  peak.ran = after.ran - before.ran;
  peak.starved = after.starved - before.starved;
  peak.loopStarved = threadTimes(Deno.pid).starved - loopBefore.starved;
  return peak;
}

function watch(stage: Stage, peak: Peak): void {
  const { history, state } = filesOf(stage);
  peak.files.history = Math.max(peak.files.history, history);
  peak.files.state = Math.max(peak.files.state, state);
  const memory = residentBytes(stage.daemon.pid);
  if (memory === null || memory === 0) peak.stopped = DIED;
  else peak.memory = Math.max(peak.memory, memory);
  if (state + history > BYTES_MAX) peak.stopped = `files of ${BYTES_MAX / 1e9} GB`;
  if (peak.memory > BYTES_MAX) peak.stopped = `memory of ${BYTES_MAX / 1e9} GB`;
}

/** Ends the attackers; returns how long domain 0 had to wait for a WRITE that succeeds. */
async function end(stage: Stage): Promise<number | null> {
  await stage.endAttack();
  const began = performance.now();
  try {
    while (performance.now() - began < WRITABLE_MS) {
      const payload = toBytes("/after\0the attack");
      const replies = await stage.dom0.exchange({ type: T.WRITE, txId: 0, payload });
      if (replies.at(-1)?.type === T.WRITE) return performance.now() - began;
      await pause(10);
    }
  } catch (error) {
    if (stage.isAlive) throw error;
  }
  return null;
}

function waitsOf(times: readonly number[]): Waits {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
  return { p50: at(0.5), p99: at(0.99), worst: at(1), count: sorted.length };
}
