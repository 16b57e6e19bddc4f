/** What a change replaces is garbage at once: an idle daemon must not keep it until the next change. */
import { assert, assertEquals } from "@std/assert";
import v8 from "node:v8";
import vm from "node:vm";
import type { CommitListener } from "../../lib/engine/commit_listener.ts";
import { Engine } from "../../lib/engine/engine.ts";
import type { Node } from "../../lib/store/node.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client } from "../support/engine_client.ts";
import { pause } from "../support/patience.ts";

v8.setFlagsFromString("--expose-gc");
const collect = vm.runInNewContext("gc") as () => void;

/** Reads all of each commit, as the history does. */
const listener: CommitListener = {
  committed: (commit) => {
    let units = 0;
    commit.visit((trail) => (units += trail.length) > 0);
    return units;
  },
  aborted: () => {},
};

/** A store with `/big`, which domain 1 owns, and a client of domain 0. */
class World {
  readonly engine: Engine;
  readonly client: Client;
  readonly #alive = new Set([0, 1]);

  constructor(isWatched: boolean, isListened: boolean) {
    const info = (domid: number): { domid: number; state: number; uniqueId: bigint } | null =>
      this.#alive.has(domid) ? { domid, state: 1, uniqueId: BigInt(domid) } : null;
    this.engine = new Engine({
      domains: { info, open: () => 8, reset: () => {}, close: () => {} },
      ...(isListened ? { listener } : {}),
    });
    this.client = new Client(this.engine, 0);
    this.engine.state.domains.know(1);
    this.ask(T.WRITE, "/big/node\0value");
    this.ask(T.SET_PERMS, "/big\0n1\0");
    if (isWatched) this.ask(T.WATCH, "/big\0token\0");
  }

  ask(type: number, payload: string, txId = 0): void {
    this.client.ask(type, payload, txId);
    assert(!this.client.isError, this.client.reply);
  }

  inTransaction(type: number, payload: string): void {
    this.ask(T.TRANSACTION_START, "\0");
    const txId = parseInt(this.client.text);
    this.ask(type, payload, txId);
    this.ask(T.TRANSACTION_END, "T\0", txId);
  }

  kill(domid: number): void {
    this.#alive.delete(domid);
    this.engine.domainsChanged();
    while (this.engine.due) this.engine.tick(0);
  }

  /** The tree before `change`, of which somebody had a snapshot once, as an image of the journal has. */
  before(change: (world: World) => void): WeakRef<Node> {
    const { tree } = this.engine.state;
    const before = new WeakRef(tree.snapshot());
    change(this);
    assert(tree.root !== before.deref(), "nothing has changed");
    return before;
  }
}

const CHANGES: Readonly<Record<string, (world: World) => void>> = {
  RM: (world) => world.ask(T.RM, "/big\0"),
  WRITE: (world) => world.ask(T.WRITE, "/big\0short"),
  "WRITE of new nodes": (world) => world.ask(T.WRITE, "/big/new/one\0short"),
  MKDIR: (world) => world.ask(T.MKDIR, "/big/new\0"),
  SET_PERMS: (world) => world.ask(T.SET_PERMS, "/big\0n0\0"),
  "RM in a transaction": (world) => world.inTransaction(T.RM, "/big\0"),
  "WRITE in a transaction": (world) => world.inTransaction(T.WRITE, "/big\0short"),
  "the death of the owner": (world) => world.kill(1),
};

for (const [name, change] of Object.entries(CHANGES)) {
  Deno.test(`what was replaced is not kept until the next change: ${name}`, async () => {
    for (const isWatched of [false, true]) {
      for (const isListened of [false, true]) {
        const world = new World(isWatched, isListened);
        const before = world.before(change);
        // A WeakRef that was read keeps its target until the end of the job.
        await pause(0);
        collect();
        assertEquals(before.deref(), undefined, `watched ${isWatched}, listener ${isListened}`);
      }
    }
  });
}
