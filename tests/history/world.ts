/** An engine whose commits are recorded, for tests of what becomes of the records. */
import type { Author, ProcessAuthor } from "../../lib/engine/author.ts";
import type { Abort, Commit, CommitListener } from "../../lib/engine/commit_listener.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { History } from "../../lib/history/history.ts";
import type { HistoryRecord, NodeState } from "../../lib/history/record.ts";
import { Recorder } from "../../lib/history/recorder.ts";
import type { Numbers } from "../../lib/history/reserved_numbers.ts";
import { HistoryRider } from "../../lib/history/rider.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { Redaction } from "../../lib/store/redaction.ts";
import type { NodeState as TreeNode } from "../../lib/store/tree_changes.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client, randomRequest } from "../support/engine_client.ts";
import type { Random } from "../support/random.ts";
import { lines, packer, walked } from "./support.ts";

/** Tells a recorder of all, and keeps a record of each commit, whatever the recorder makes one record of. */
class Told implements CommitListener {
  readonly records: HistoryRecord[] = [];
  readonly #each: Recorder;
  #author: Author = { kind: "daemon" };
  #type: number | null = null;
  #path = "";

  constructor(private readonly recorder: Recorder, redaction: Redaction) {
    this.#each = new Recorder({ wall: () => recorder.at, redaction });
  }

  committed(commit: Commit): number | void {
    this.#author = commit.author;
    this.#type = commit.type;
    this.#path = commit.only?.path ?? "";
    const units = this.recorder.committed(commit);
    this.#note(() => this.#each.committed(commit));
    return units;
  }

  repeated(old: TreeNode, now: TreeNode): number {
    const units = this.recorder.repeated(old, now), author = this.#author, type = this.#type;
    const only = { path: this.#path, old, new: now };
    const common = { kind: "request", deeds: [], group: 0, visit: () => {} } as const;
    if (units >= 0) this.#note(() => this.#each.committed({ ...common, author, type, only }));
    return units;
  }

  aborted(abort: Abort): number {
    const number = this.recorder.aborted(abort);
    this.#note(() => this.#each.aborted(abort));
    return number;
  }

  #note(tell: () => void): void {
    this.#each.begin(this.recorder.last - 1);
    tell();
    // `...` decodes the changes before the clone, since they share buffers.
    this.records.push(...structuredClone(this.#each.take().map((record) => ({ ...record }))));
  }
}

/** An engine, what it has recorded, and the store as it was after each number. */
export class World {
  readonly recorder: Recorder;
  readonly engine: Engine;
  readonly clients: Client[];
  readonly trees = new Map<number, string[]>();
  /** A record of each commit and each aborted transaction. */
  readonly told: readonly HistoryRecord[];
  #at = 1_000_000;

  constructor() {
    const redaction = new Redaction(["/c/**"]);
    this.recorder = new Recorder({ wall: () => this.#at += 7, redaction });
    const listener = new Told(this.recorder, redaction);
    this.told = listener.records;
    const info = (domid: number): { domid: number; state: number; uniqueId: bigint } | null =>
      domid < 3 ? { domid, state: 1, uniqueId: BigInt(domid) } : null;
    this.engine = new Engine({
      domains: { info, open: () => 0, reset: () => {}, close: () => {} },
      listener,
    });
    this.engine.state.commits!.started("nothing");
    this.clients = [0, 0, 1, 2].map((domid) =>
      new Client(this.engine, domid, domid === 0 ? { process: { author: aProcess() } } : {})
    );
    for (const domid of [1, 2]) this.engine.state.domains.know(domid);
    for (const path of ["/a", "/b", "/c/a"]) this.clients[0]!.ask(T.WRITE, `${path}\0`);
    this.clients[0]!.ask(T.SET_PERMS, "/a\0b0\0b1\0b2\0");
    this.note();
  }

  /** The store as a history has it. */
  nodes(): Map<string, NodeState> {
    const { specials, tree } = this.engine.state;
    const redaction = new Redaction(["/c/**"]);
    return new Map([...specials, ...subtree(tree.root)].map(([path, { perms, value }]) => [
      path,
      { perms, value: redaction.hides(path) ? { redacted: value.length } : value },
    ]));
  }

  note(): void {
    this.trees.set(this.recorder.last, lines(this.nodes()));
  }

  /** A request, or the begin or the end of a transaction. */
  step(random: Random, open: Map<Client, number>): void {
    const client = random.pick(this.clients);
    const id = open.get(client);
    if (random.chance(0.2)) {
      if (id === undefined) {
        open.set(client, parseInt(client.ask(T.TRANSACTION_START, "\0").split(" ")[1]!));
      } else {
        open.delete(client);
        client.ask(T.TRANSACTION_END, "T\0", id);
      }
    } else client.ask(...randomRequest(random), id ?? 0);
    this.note();
  }
}

/** One of which nothing is known; as a connection's, it is the same object each time. */
function aProcess(): ProcessAuthor {
  return { kind: "process", domid: 0, pid: null, startTime: null, uid: null, command: null };
}

/** What a store remembers of its history. */
function numbers(): Numbers {
  let reserved = 0;
  return { get: () => reserved, reserve: (upTo) => (reserved = upTo) > 0 };
}

export function begin(world: World, path: string): { history: History; rider: HistoryRider } {
  const history = new History({ path, store: "a store", packer });
  return { history, rider: new HistoryRider(history, world.recorder, numbers(), () => 1) };
}

/** A turn that is committed to no journal. */
export function turn(rider: HistoryRider): void {
  rider.take();
  rider.committed(false);
}

export function writeKeyframe(history: History, world: World): void {
  history.beginKeyframe(1, walked(world.nodes()));
  while (history.stepKeyframe());
}
