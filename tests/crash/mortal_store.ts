/** A store whose daemons are killed while clients change it, with what its history must have. */
import { assertEquals } from "@std/assert";
import { daemonHistory, type HistorySource } from "../../lib/archive/past/history_source.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { parsePerm } from "../../lib/store/perms.ts";
import { toText } from "../../lib/wire/text.ts";
import { logOf, type Tree } from "../support/history_checks.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { update } from "../support/operator.ts";
import type { ServerProcess } from "../support/process.ts";
import { Random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import type { ClientProcess } from "./client_process.ts";
import { Lane } from "./lane.ts";
import { Requests } from "./recorded_requests.ts";

/** So many requests of one process are under way at a time. */
const LANES = 4;

/** How a store is used. */
export interface Use {
  /** Of `xs serve`, besides where it is. */
  readonly args: readonly string[];
  /** Requests of a lane in a burst. */
  readonly requests: number;
  readonly floods: boolean;
}

export class MortalStore {
  daemon!: ServerProcess;
  requests!: Requests;
  readonly lanes: Lane[];
  /** How many live updates there have been. */
  updates = 0;
  #isDead = false;

  constructor(
    readonly folder: string,
    readonly use: Use,
    readonly processes: readonly ClientProcess[],
    readonly random: Random,
  ) {
    this.lanes = processes.flatMap((process, at) =>
      Array.from(
        { length: LANES },
        (_, lane) =>
          new Lane(`c${at}-${lane}`, process, new Random(random.below(2 ** 31)), use.floods),
      )
    );
  }

  /** Where commands look when there is no daemon. */
  get path(): string {
    return `${this.socketPath}.store`;
  }

  get socketPath(): string {
    return `${this.folder}/socket`;
  }

  /** How many requests a burst has. */
  get most(): number {
    return this.lanes.length * this.use.requests;
  }

  get source(): HistorySource {
    return daemonHistory(this.#nodes);
  }

  get #nodes(): Operations {
    return this.processes[0]!.nodes;
  }

  /** The next daemon has the store that was committed, and its history has what was there. */
  async start(): Promise<void> {
    const args = ["--store", this.path, "--xen", "no", ...this.use.args];
    this.#isDead = false;
    this.daemon = await startDaemon({ socket: this.socketPath, args });
    for (const process of this.processes) await process.connect();
    if (this.requests === undefined) {
      this.requests = new Requests(await treeOf(this.#nodes));
      // With `disk` the history begins with the first change.
      await this.requests.ask(this.lanes[0]!.first(), this.#nodes);
    }
    await this.learn(this.source);
    assertEquals([...await treeOf(this.#nodes)].sort(), [...this.requests.tree].sort());
  }

  /** All at once; kills the daemon when so many have been answered. */
  async burst(kill: number | null): Promise<void> {
    let answers = 0;
    const run = async (lane: Lane): Promise<void> => {
      for (let i = 0; i < this.use.requests; i++) {
        if (!await this.requests.ask(lane.next(), lane.process.nodes)) return lane.forget();
        if (++answers === kill) void this.die();
      }
      lane.settle();
    };
    await Promise.all(this.lanes.map(run));
  }

  /** Another daemon of the same program takes its place; with `force`, transactions that are open are given up. */
  async update(force: boolean): Promise<void> {
    await using client = await RawClient.connect(this.socketPath);
    const [file] = xsCommand();
    assertEquals(await update(client, { file }, ...(force ? ["-F"] : [])), "OK");
    this.updates++;
  }

  /** If it has not been killed yet, it is now. */
  async die(): Promise<void> {
    if (!this.#isDead) Deno.kill(this.daemon.pid, "SIGKILL");
    this.#isDead = true;
    await this.daemon.status;
  }

  /** What is new in the log; what was there has not changed. */
  async learn(source: HistorySource): Promise<void> {
    const { answers } = await logOf(source);
    // Some may have been folded while they were told.
    const { head: { completeAfter } } = await logOf(source, 0);
    for (const record of answers) {
      const known = this.requests.records.get(record.number);
      if (known !== undefined && record.number > completeAfter) assertEquals(record, known);
    }
    this.requests.learn(answers, this.use.floods);
  }
}

/** What a daemon's clients see. */
async function treeOf(nodes: Operations): Promise<Tree> {
  const tree = new Map<string, string>();
  const visit = async (path: string): Promise<void> => {
    const [value, perms, names] = await Promise.all([
      nodes.read(path),
      nodes.getPerms(path),
      nodes.directory(path),
    ]);
    tree.set(path, `${toText(value)} ${perms.map(parsePerm)}`);
    const above = path === "/" ? "" : path;
    await Promise.all(names.map((name) => visit(`${above}/${name}`)));
  };
  await visit("/");
  return tree;
}
