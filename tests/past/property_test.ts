/**
 * Random histories of several clients with transactions, through a real engine and over the socket: what is said of any moment is what
 * was so then, or is said not to be known; the log, blame and differences agree with that.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ArchiveError } from "../../lib/archive/archive.ts";
import {
  askWhole,
  fileHistory,
  type HistorySource,
} from "../../lib/archive/past/history_source.ts";
import { askDaemon } from "../../lib/archive/past/ask_daemon.ts";
import { PastNodes } from "../../lib/archive/past/past_nodes.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { openStream } from "../../lib/client/stream.ts";
import type { Blamed, Head } from "../../lib/history/answers.ts";
import type { History } from "../../lib/history/history.ts";
import type { HistoryRecord } from "../../lib/history/record.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { type Random, roundsOf, withSeed } from "../support/random.ts";
import { type RecordedDaemon, startRecorded } from "../support/recorded_daemon.ts";
import { makeScratch } from "../support/scratch.ts";

/** A node as one text. */
type Tree = ReadonlyMap<string, string>;

const PATHS = ["/a", "/a/b", "/a/b/c", "/d", "/d/e", "/f", "/f/secret", "/g/h"];

/** Clients of one daemon, and the store after each number that they have seen. */
class Model implements AsyncDisposable {
  readonly trees = new Map<number, Tree>();
  readonly clients: Operations[] = [];
  readonly #open = new Map<Operations, Operations>();

  private constructor(readonly server: RecordedDaemon) {}

  static async start(store: string | null = null): Promise<Model> {
    const server = await startRecorded({ store });
    const model = new Model(server);
    for (let i = 0; i < 3; i++) model.clients.push(await connect(server));
    model.note();
    return model;
  }

  get history(): History {
    return this.server.history;
  }

  note(): void {
    const { tree } = this.server.daemon.engine.state;
    const nodes = [...subtree(tree.root)].map(([path, { perms, value }]) => {
      const shown = path.includes("secret") ? `<${value.length}>` : toText(value);
      return [path, `${shown} ${perms}`] as const;
    });
    this.trees.set(this.history.last, new Map(nodes));
  }

  /** A request, or the begin or the end of a transaction, of one of the clients. */
  async step(random: Random): Promise<void> {
    const client = random.pick(this.clients), inside = this.#open.get(client);
    try {
      if (random.chance(0.25)) {
        if (inside === undefined) this.#open.set(client, await client.begin());
        else {
          this.#open.delete(client);
          await inside.end(random.chance(0.9));
        }
      } else await request(random, inside ?? client);
    } catch (error) {
      // A missing node, or a conflict.
      if (!(error instanceof XenstoreError)) throw error;
    }
    this.note();
  }

  /** Something large that does not compress. */
  async noise(random: Random): Promise<void> {
    const value = Uint8Array.from({ length: 1_000 }, () => random.below(256));
    await this.clients[0]!.write(`/noise/${random.below(20)}`, value);
    this.note();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { session } of this.clients) session.close();
    await this.server[Symbol.asyncDispose]();
  }
}

async function connect({ socketPath }: RecordedDaemon): Promise<Operations> {
  return new Operations(new Session(await openStream(socketPath), socketPath));
}

async function request(random: Random, nodes: Operations): Promise<void> {
  const path = random.pick(PATHS);
  switch (random.below(8)) {
    case 0:
      return await nodes.rm(path);
    case 1:
      return await nodes.mkdir(path);
    case 2:
      return await nodes.setPerms(path, [`${random.pick(["n", "r", "b"])}0`, "r3"]);
    case 3:
      await nodes.read(path);
      return;
    default:
      return await nodes.write(path, toBytes(`${random.below(50)}`.repeat(1 + random.below(3))));
  }
}

function textOf({ nodes }: PastNodes): Tree {
  return new Map(
    [...nodes].filter(([path]) => path.startsWith("/")).map(([path, { perms, value }]) => {
      const shown = value instanceof Uint8Array ? toText(value) : `<${value.redacted}>`;
      return [path, `${shown} ${perms}`];
    }),
  );
}

function sameTree(a: Tree, b: Tree): void {
  assertEquals([...a].sort(), [...b].sort());
}

async function pastOf(source: HistorySource, number: number): Promise<PastNodes> {
  return await PastNodes.read(source, { kind: "commit", number, back: 0 }, ["/"]);
}

function overSocket(nodes: Operations): HistorySource {
  return {
    isLive: true,
    ask: async function* (query): ReturnType<HistorySource["ask"]> {
      for await (const answer of askDaemon(nodes, query)) {
        if (answer.type === "failure") throw new ArchiveError(answer.text);
        yield answer;
      }
    },
  };
}

/** What is said of each moment is so, or said not to be known; returns how many were exact. */
async function checkMoments(source: HistorySource, trees: Model["trees"]): Promise<number> {
  const { answers, head } = await logOf(source);
  let exact = 0;
  for (const [number, tree] of trees) {
    if (number < head.begins.number || number > head.last) {
      await assertRejects(() => pastOf(source, number), ArchiveError, `#${number}`);
      continue;
    }
    const past = await pastOf(source, number);
    if (number >= head.completeAfter) assertEquals(past.unknowns, [], `#${number}`);
    if (past.unknowns.length === 0) {
      sameTree(textOf(past), tree);
      exact++;
      continue;
    }
    const found = textOf(past);
    for (const path of new Set([...found.keys(), ...tree.keys()])) {
      if (past.unknown(path) === null) assertEquals(found.get(path), tree.get(path), path);
    }
  }
  checkLog(answers, trees, head);
  return exact;
}

async function logOf(
  source: HistorySource,
): Promise<{ head: Head; answers: readonly HistoryRecord[] }> {
  const { answers, head } = await askWhole(source, {
    kind: "log",
    since: null,
    until: null,
    filter: {},
    backwards: false,
    last: null,
  });
  return { head, answers: answers.flatMap((one) => one.type === "record" ? one.record : []) };
}

/** The records of the part that is complete lead from each tree to the next. */
function checkLog(records: readonly HistoryRecord[], trees: Model["trees"], head: Head): void {
  const commits = records.filter((record) =>
    record.type === "commit" && record.number > head.completeAfter
  );
  for (const commit of commits) {
    const before = trees.get(commit.number - 1), after = trees.get(commit.number);
    if (commit.type !== "commit" || before === undefined || after === undefined) continue;
    const changed = [...new Set([...before.keys(), ...after.keys()])]
      .filter((path) => before.get(path) !== after.get(path));
    const recorded = commit.changes.map(({ path }) => path);
    // What is written as it was is a change, too.
    for (const path of changed) assert(recorded.includes(path), `#${commit.number} ${path}`);
    for (const { new: now, old, path } of commit.changes) {
      assertEquals([old !== null, now !== null], [before.has(path), after.has(path)], path);
    }
  }
}

/** Blame agrees with the log, for what is known. */
async function checkBlame(
  source: HistorySource,
  number: number,
  records: readonly HistoryRecord[],
  head: Head,
): Promise<void> {
  const point = { kind: "commit", number, back: 0 } as const;
  for (const deleted of [false, true]) {
    const query = { kind: "blame", path: "/", at: point, recursive: true, deleted } as const;
    const { answers } = await askWhole(source, query);
    const found = answers.filter((one): one is Blamed => one.type === "blame");
    for (const { between, commit, node, path } of found) {
      assertEquals(node === null, deleted, path);
      if (between !== null) continue;
      const last = records.findLast((record) =>
        record.type === "commit" && record.number <= number &&
        record.changes.some((change) => change.path === path)
      );
      if (last === undefined) assertEquals(commit, null, path);
      else if (last.number > head.completeAfter) assertEquals(commit?.number, last.number, path);
    }
  }
}

async function forSeeds(
  most: number,
  fewest: number,
  body: (random: Random) => Promise<void>,
): Promise<void> {
  for (const { seed } of roundsOf(most, fewest)) {
    let running: Promise<void> = Promise.resolve();
    withSeed((random) => void (running = body(random)), seed);
    await running.catch((error) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
  }
}

Deno.test("--at, log, blame and diff agree with the store at each commit", async () => {
  let exact = 0;
  await forSeeds(4, 2, async (random) => {
    await using model = await Model.start();
    for (let i = 0; i < 250; i++) await model.step(random);
    const source = overSocket(model.clients[0]!);
    exact += await checkMoments(source, model.trees);
    const { answers, head } = await logOf(source);
    const numbers = [...model.trees.keys()];
    for (let i = 0; i < 10; i++) {
      await checkBlame(source, random.pick(numbers), answers, head);
      await checkShow(source, random.pick(answers));
    }
  });
  assert(exact > 100, `${exact} exact moments`);
});

/** What `xs show` is told of a record is what the log has. */
async function checkShow(source: HistorySource, record: HistoryRecord): Promise<void> {
  const point = { kind: "commit", number: record.number, back: 0 } as const;
  const { answers } = await askWhole(source, { kind: "show", point });
  const [first] = answers;
  assert(first?.type === "record");
  assertEquals(first.record, record);
  if (record.type !== "abort") return;
  const cause = answers.find((one) => one.type === "record" && one.role === "cause");
  assert(cause?.type === "record" && cause.record.number < record.number);
}

/** What is in the older half of the blocks becomes too old. */
function prune(history: History): void {
  const { closed } = history, now = Date.now() * 1_000;
  const age = now - closed[closed.length >> 1]!.toAt - 1;
  const upkeep = new HistoryUpkeep(history, { bytes: Infinity, age });
  while (upkeep.step(now));
}

Deno.test("the same when what comes fast was folded, and the oldest pruned", async () => {
  let exact = 0, partial = 0, pruned = 0;
  await forSeeds(3, 2, async (random) => {
    await using model = await Model.start();
    const { history } = model;
    const bounds = { bytes: 200_000, age: Infinity };
    const upkeep = new HistoryUpkeep(history, bounds), source = overSocket(model.clients[0]!);
    for (let i = 0; i < 1_600; i++) {
      await model.step(random);
      if (i % 10 === 0) await model.noise(random);
      while (random.chance(0.4) && upkeep.step(Date.now() * 1_000));
    }
    assert(history.era.completeAfter > 0, "something was folded");
    if (random.chance(0.5) || pruned === 0) {
      while (history.closed.length < 3) await model.noise(random);
      prune(history);
    }
    const found = await checkMoments(source, model.trees);
    exact += found;
    partial += model.trees.size - found;
    const { answers, head } = await logOf(source);
    pruned += head.begins.number > 1 ? 1 : 0;
    for (let number = head.completeAfter; number <= head.last; number += 40) {
      await checkBlame(source, number, answers, head);
    }
  });
  assert(exact > 0 && partial > 50, `${exact} exact and ${partial} other moments`);
  assert(pruned > 0, "nothing was pruned");
});

Deno.test("the same from the file, after a kill at any point: up to the last record that it has", async () => {
  await using scratch = await makeScratch();
  let exact = 0, round = 0;
  await forSeeds(3, 2, async (random) => {
    const store = `${scratch.path}/${round++}`, path = `${store}.history`, copy = `${path}-copy`;
    await using model = await Model.start(store);
    for (let kills = 0; kills < 4; kills++) {
      for (let i = random.below(90); i >= 0; i--) await model.step(random);
      const { last } = model.history;
      model.history.save();
      for (let i = random.below(9); i >= 0; i--) await model.step(random);
      // Here the process dies: what it had written stays.
      for (const end of ["", "-wal"]) Deno.copyFileSync(path + end, copy + end);
      const source = fileHistory(copy), { answers, head } = await logOf(source);
      assert(head.last >= last, `the file ends at #${head.last}, and #${last} was saved`);
      exact += await checkMoments(source, model.trees);
      await checkBlame(source, head.last, answers, head);
    }
  });
  assert(exact > 100, `${exact} exact moments`);
});
