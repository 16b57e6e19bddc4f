/**
 * How long it takes to look back in a large history, `deno task bench:history-queries [--mb=N] [--nodes=N] [--rounds=N]`: in the file
 * itself, by a command that reads the file, and by a command that asks a daemon.
 */
import { Purges } from "../lib/server/history/purges.ts";
import process from "node:process";
import { runApp } from "../cmd/app.ts";
import { systemClock } from "../lib/clock.ts";
import { answer } from "../lib/history/answers.ts";
import { History } from "../lib/history/history.ts";
import { loadPacker, type Packer } from "../lib/history/packing.ts";
import type { LogQuery, Query } from "../lib/history/query.ts";
import type { Author, Commit, NodeState } from "../lib/history/record.ts";
import { HistoryUpkeep } from "../lib/history/upkeep.ts";
import { NoJournal } from "../lib/journal/journal.ts";
import { MemoryDomains } from "../lib/server/domains/memory_domains.ts";
import { SILENT } from "../lib/server/logging/log.ts";
import { Trace } from "../lib/server/logging/trace.ts";
import { EMBEDDED_POLICY } from "../lib/server/loop.ts";
import { createListeningSocket } from "../lib/server/process/create_listening_socket.ts";
import { Daemon } from "../lib/server/start/daemon.ts";
import { parentPath } from "../lib/store/path.ts";
import { toBytes } from "../lib/wire/text.ts";
import { fakeShell } from "../tests/support/fake_shell.ts";
import { Random } from "../tests/support/random.ts";
import { makeScratch } from "../tests/support/scratch.ts";
import { machine } from "./machine.ts";
import { median, table } from "./report.ts";

/** Commits that are made between two looks at the file's size. */
const BATCH = 4_096;
/** Microseconds between two commits. */
const COMMIT_MICROSECONDS = 50_000;
const GUESTS = 200;
/** How often the paths that are looked for are written. */
const EVERY = 10_000;

function option(name: string, usual: number): number {
  const given = Deno.args.find((arg) => arg.startsWith(`--${name}=`));
  return given === undefined ? usual : Number(given.slice(name.length + 3));
}

/** What is looked for: written once, now and then, often, never. */
const RARE = "/local/domain/7/control/rare";
const SELDOM = "/local/domain/8/control/seldom";
const OFTEN = "/local/domain/9/device/vif/0/state";
const NEVER = "/local/domain/7/control/never";

/** A history that is filled until its file has so many bytes. */
class Filler {
  readonly #random = new Random(1);
  readonly #nodes = new Map<string, NodeState>();
  readonly #authors: readonly Author[];
  #number = 0;
  #at = 1_800_000_000_000_000;

  constructor(nodes: number) {
    this.#authors = Array.from({ length: GUESTS }, (_, domid): Author => {
      return { kind: "domain", domid, uniqueId: BigInt(domid), name: `guest-${domid}` };
    });
    for (let i = 0; i < nodes; i++) this.#plant(`/local/domain/${i % GUESTS}/data/key${i}`);
    for (let i = 0; i < GUESTS; i++) {
      this.#plant(`/local/domain/${i}/control/x`);
      for (let vif = 0; vif < 4; vif++) this.#plant(`/local/domain/${i}/device/vif/${vif}/handle`);
    }
  }

  /** A node with all that are above it. */
  #plant(path: string): void {
    for (let top = path; top !== "/"; top = parentPath(top)) {
      if (this.#nodes.has(top)) return;
      this.#nodes.set(top, node(top === path ? `value ${path.length}` : ""));
    }
    this.#nodes.set("/", node(""));
  }

  get paths(): number {
    return this.#nodes.size;
  }

  fill(history: History, bytes: number): number {
    history.beginKeyframe(this.#at, this.#sorted());
    while (history.stepKeyframe());
    const upkeep = new HistoryUpkeep(history, { bytes, age: Infinity });
    while (history.bytes < bytes * 0.97) {
      history.add(Array.from({ length: BATCH }, () => this.#commit()));
      if (history.wantsKeyframe) history.beginKeyframe(this.#at, this.#sorted());
      while (upkeep.step(this.#at));
    }
    return this.#number;
  }

  #sorted(): [string, NodeState][] {
    return [...this.#nodes].sort(([a], [b]) => a < b ? -1 : 1);
  }

  #commit(): Commit {
    const random = this.#random, number = ++this.#number, author = random.pick(this.#authors);
    const at = this.#at += COMMIT_MICROSECONDS;
    const path = this.#path(number), old = this.#nodes.get(path) ?? null;
    const now = node(`${random.below(1e9)}`);
    this.#nodes.set(path, now);
    const changes = [{ path, old, new: now, count: 1, first: number, firstAt: at }];
    const fixed = {
      kind: "write",
      operations: 1,
      detail: "",
      moved: 0,
      isKeyframe: false,
    } as const;
    return { type: "commit", number, at, author, changes, ...fixed };
  }

  #path(number: number): string {
    const random = this.#random;
    if (number === EVERY + 1) return RARE;
    if (number % EVERY === 0) return SELDOM;
    if (number % 100 === 0) return OFTEN;
    return `/local/domain/${random.below(GUESTS)}/device/vif/${random.below(4)}/${
      random.pick(["state", "mac", "rx", "tx", "online", "hotplug-status"])
    }`;
  }
}

function node(text: string): NodeState {
  return { value: toBytes(text), perms: [0] };
}

function logOf(path: string): LogQuery {
  const filter = { paths: [path] };
  return { kind: "log", since: null, until: null, filter, backwards: false, last: null };
}

interface Cost {
  /** The median, in ms. */
  readonly elapsed: number;
  /** What of it was work of this process, on one processor or several. */
  readonly cpu: number;
}

async function timed(rounds: number, action: () => unknown): Promise<Cost> {
  const elapsed: number[] = [], cpu: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const began = performance.now(), before = process.cpuUsage();
    await action();
    elapsed.push(performance.now() - began);
    const { system, user } = process.cpuUsage(before);
    cpu.push((system + user) / 1_000);
  }
  return { elapsed: median(elapsed), cpu: median(cpu) };
}

/** Runs a command of `xs` in this process. */
async function xs(env: Readonly<Record<string, string>>, ...args: string[]): Promise<void> {
  const shell = fakeShell(args, { env });
  const status = await runApp(shell);
  if (status !== 0) throw new Error(`xs ${args.join(" ")}: ${shell.printed.err}`);
}

async function main(): Promise<void> {
  const [megabytes, nodes, rounds] = [
    option("mb", 64),
    option("nodes", 100_000),
    option("rounds", 5),
  ];
  await using scratch = await makeScratch();
  const store = `${scratch.path}/store`, path = `${store}.history`, packer = await loadPacker();
  console.log(machine());
  const filler = new Filler(nodes);
  const commits = await filled(path, packer, filler, megabytes * 2 ** 20);
  console.log(`${commits} commits, ${filler.paths} nodes, ${Deno.statSync(path).size} bytes\n`);
  const middle = Math.floor(commits / 2);
  const cases: readonly (readonly [string, Query, readonly string[]])[] = [
    ["log of a path written once", logOf(RARE), ["log", RARE]],
    [`log of a path written every ${EVERY} commits`, logOf(SELDOM), ["log", SELDOM]],
    ["log of a path written every 100 commits", logOf(OFTEN), ["log", OFTEN]],
    ["log of a path that was never there", logOf(NEVER), ["log", NEVER]],
    [
      `the whole store at #${middle}`,
      { kind: "at", at: { kind: "commit", number: middle, back: 0 }, tops: ["/"], levels: null },
      ["ls", "--at", `${middle}`],
    ],
    [
      `one node at #${middle}`,
      { kind: "at", at: { kind: "commit", number: middle, back: 0 }, tops: [OFTEN], levels: 0 },
      ["read", OFTEN, "--at", `${middle}`],
    ],
  ];
  const rows: string[][] = [];
  for (const [name, query, args] of cases) {
    const history = new History({ path, store: null, packer });
    const inFile = await timed(rounds, () => [...answer(history, query)].length);
    history.close();
    const byFile = args[0] === "log"
      ? await timed(rounds, () => xs({}, ...args, "--store", store))
      : null;
    const byDaemon = await onDaemon(path, packer, (env) => timed(rounds, () => xs(env, ...args)));
    rows.push([name, ...[inFile, byFile, byDaemon].map((one) => one === null ? "" : shown(one))]);
  }
  const head = [
    "query",
    "in the file",
    "xs, from the file",
    "xs, from a daemon in the same process",
  ];
  console.log(table(head.map((text, i) => i === 0 ? text : `${text}: ms, of these work`), rows));
}

function shown({ cpu, elapsed }: Cost): string {
  return `${elapsed.toFixed(0)}, ${cpu.toFixed(0)}`;
}

async function filled(
  path: string,
  packer: Packer,
  filler: Filler,
  bytes: number,
): Promise<number> {
  const history = new History({ path, store: "a store", packer });
  const commits = filler.fill(history, bytes);
  history.checkpoint();
  history.close();
  return await Promise.resolve(commits);
}

/** A daemon in this process that has the history in a file; it records nothing. */
async function onDaemon<T>(
  path: string,
  packer: Packer,
  action: (env: Record<string, string>) => Promise<T>,
): Promise<T> {
  await using scratch = await makeScratch();
  const copy = `${scratch.path}/history`, clock = systemClock, log = SILENT;
  Deno.copyFileSync(path, copy);
  const history = new History({ path: copy, store: null, packer });
  const listening = await createListeningSocket(
    { path: `${scratch.path}/socket`, isFallback: false },
    clock,
  );
  const daemon = Daemon.start({
    listening,
    domains: new MemoryDomains(),
    journal: new NoJournal(),
    policy: EMBEDDED_POLICY,
    trace: new Trace(),
    log,
    clock,
    history: {
      purges: new Purges(),
      listener: { committed: () => {}, aborted: () => {} },
      history,
      status: () => null,
      attach: () => {},
      dropSpare: () => {},
      maintain: () => false,
      maintainAt: Infinity,
      isBehind: false,
      close: () => history.close(),
    },
  });
  try {
    return await action({ XENSTORED_PATH: listening.path });
  } finally {
    await daemon.stop();
  }
}

await main();
