/**
 * Random histories of several clients with transactions, through a real engine and over the socket: what is said of any moment is what
 * was so then, or is said not to be known; the log, blame and differences agree with that.
 */
import { assert } from "@std/assert";
import { daemonHistory, fileHistory } from "../../lib/archive/past/history_source.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { openStream } from "../../lib/client/stream.ts";
import type { History } from "../../lib/history/history.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { type Random, roundsOf, withSeed } from "../support/random.ts";
import { type RecordedDaemon, startRecorded } from "../support/recorded_daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import {
  checkBlame,
  checkDiff,
  checkMoments,
  checkShow,
  logOf,
  type Tree,
} from "../support/history_checks.ts";

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
    const source = daemonHistory(model.clients[0]!);
    exact += await checkMoments(source, model.trees);
    const { answers, head } = await logOf(source);
    const numbers = [...model.trees.keys()];
    for (let i = 0; i < 10; i++) {
      await checkDiff(
        model.server.socketPath,
        model.trees,
        random.pick(numbers),
        random.pick(numbers),
      );
      await checkBlame(source, random.pick(numbers), answers, head);
      await checkShow(source, random.pick(answers));
    }
  });
  assert(exact > 100, `${exact} exact moments`);
});

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
    const upkeep = new HistoryUpkeep(history, bounds), source = daemonHistory(model.clients[0]!);
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
