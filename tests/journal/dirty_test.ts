/** What a turn writes down of what changed in it: each thing once, as it then is, and no more. */
import { assert, assertEquals } from "@std/assert";
import { Dirty } from "../../lib/engine/dirty.ts";
import type { Engine } from "../../lib/engine/engine.ts";
import { ByteReader } from "../../lib/codec/journal/byte_reader.ts";
import { ByteWriter } from "../../lib/codec/journal/byte_writer.ts";
import { type ChangeSink, readChanges } from "../../lib/codec/journal/changes.ts";
import { putDirty } from "../../lib/journal/dirty_changes.ts";
import type { NodeRecord } from "../../lib/codec/journal/node_record.ts";
import { NodeWriter } from "../../lib/codec/journal/node_writer.ts";
import { refresh } from "../../lib/engine/refresh.ts";
import { subtree } from "../../lib/store/lookup.ts";
import type { Perms } from "../../lib/store/perms.ts";
import { PERMS_ONLY } from "../../lib/store/tree_loader.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toText } from "../../lib/wire/text.ts";
import { Client, newEngine, randomRequest } from "../support/engine_client.ts";
import { type Random, withSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { assertSurvives, Hypervisor, Life } from "../support/lives.ts";

interface Kept {
  value: string;
  perms: Perms;
  generation: number;
}

/** The tree as far as turns have told of it; fails when one tells of a node twice. */
class Model {
  readonly nodes = new Map<string, Kept>();
  readonly #told = new Set<string>();

  /** Takes a turn's changes; returns how many bytes they are. */
  commit({ state }: Engine, dirty: Dirty): number {
    const to = new ByteWriter(64);
    putDirty(to, new NodeWriter(to), state, dirty);
    dirty.clear();
    this.#told.clear();
    const told = this.#told, { nodes } = this;
    const once = (path: string): void => {
      assert(!told.has(path), `${path} is told twice in a turn`);
      told.add(path);
    };
    const sink = {
      node({ path, value, perms, generation }: NodeRecord): void {
        if (path[0] === "@") return;
        once(path);
        assert(path === "/" || nodes.has(path.slice(0, path.lastIndexOf("/")) || "/"), path);
        nodes.set(path, { value: toText(value), perms, generation });
      },
      nodePart({ path, perms, generation, part }: NodeRecord): void {
        once(path);
        const node = nodes.get(path);
        assert(node !== undefined, `${path} is not there`);
        node.generation = generation;
        if (part === PERMS_ONLY) node.perms = perms;
      },
      nodeGone(path: string): void {
        for (const known of nodes.keys()) {
          if (known === path || known.startsWith(`${path}/`)) nodes.delete(known);
        }
      },
      domain(): void {},
      domainGone(): void {},
    } as Partial<ChangeSink> as ChangeSink;
    readChanges(new ByteReader(to.written), sink);
    return to.length;
  }

  lines(): string[] {
    return [...this.nodes].map(([path, { value, perms, generation }]) =>
      `${path} ${value} ${perms} ${generation}`
    ).sort();
  }
}

function linesOf({ state }: Engine): string[] {
  return [...subtree(state.tree.root)].map(([path, { value, perms, generation }]) =>
    `${path} ${toText(value)} ${perms} ${generation}`
  ).sort();
}

/** An engine whose tree a model has from the start. */
function begin(): { engine: Engine; dirty: Dirty; model: Model } {
  const dirty = new Dirty();
  const engine = newEngine(dirty);
  const model = new Model();
  model.nodes.set("/", { value: "", perms: engine.state.tree.root.perms, generation: 0 });
  model.commit(engine, dirty);
  for (const [path, { generation }] of subtree(engine.state.tree.root)) {
    model.nodes.get(path)!.generation = generation;
  }
  return { engine, dirty, model };
}

/** `often` is how often, of all requests, one is followed by a transaction's start or end. */
function run(random: Random, often: number): void {
  const { dirty, engine, model } = begin();
  const clients = [0, 1, 2].map((domid) => new Client(engine, domid));
  const open = new Map<Client, number>();
  for (let step = 0; step < 300; step++) {
    const client = random.pick(clients);
    const [type, payload] = randomRequest(random);
    const transaction = client.connection.transactions.get(open.get(client) ?? 0);
    if (transaction !== undefined && random.chance(0.2)) {
      // As for one that reserves: its snapshot moves on with what others have done.
      refresh(transaction, engine.state.tree, payload.slice(0, payload.indexOf("\0")));
    }
    client.ask(type, payload, open.get(client) ?? 0);
    if (random.chance(often)) endOrStart(random, client, open);
    if (random.chance(0.02)) {
      // Its nodes go, and what names it; the next one of its domid starts anew.
      const domid = random.pick([1, 2]);
      engine.state.releaseDomain(engine.state.domains.know(domid)!);
      engine.state.domains.know(domid);
    }
    if (!random.chance(0.2)) continue;
    model.commit(engine, dirty);
    assertEquals(model.lines(), linesOf(engine));
  }
}

function endOrStart(random: Random, client: Client, open: Map<Client, number>): void {
  const id = open.get(client);
  if (id === undefined) {
    const reply = client.ask(T.TRANSACTION_START, "\0");
    open.set(client, parseInt(reply.split(" ")[1]!));
  } else {
    client.ask(T.TRANSACTION_END, random.chance(0.8) ? "T\0" : "F\0", id);
    open.delete(client);
  }
}

Deno.test("dirty: after any turns the nodes told are the tree, each told once a turn", () => {
  withSeed((random) => {
    for (let round = 0; round < 100; round++) run(random, round % 2 === 0 ? 0.2 : 0.04);
  });
});

Deno.test("dirty: what was made again when a snapshot moved on is told with all above it", () => {
  const { dirty, engine, model } = begin();
  const [client, other] = [new Client(engine, 0), new Client(engine, 0)];
  other.ask(T.WRITE, "/p/q/r/s\0v");
  model.commit(engine, dirty);
  const id = parseInt(client.ask(T.TRANSACTION_START, "\0").split(" ")[1]!);
  client.ask(T.WRITE, "/p/q/r/s\0w", id);
  client.ask(T.READ, "/tool\0", id);
  other.ask(T.RM, "/p/q\0");
  refresh(client.connection.transactions.get(id)!, engine.state.tree, "/p/q/r/s");
  assertEquals(client.ask(T.TRANSACTION_END, "T\0", id), "TRANSACTION_END OK\0");
  model.commit(engine, dirty);
  assertEquals(model.lines(), linesOf(engine));
  assertEquals(client.ask(T.READ, "/p/q/r/s\0"), "READ w");
});

Deno.test("dirty: a node that both a transaction and another client made is gone when that is removed", () => {
  const { dirty, engine, model } = begin();
  const [client, other] = [new Client(engine, 0), new Client(engine, 0)];
  client.ask(T.TRANSACTION_START, "\0");
  client.ask(T.WRITE, "/new/mine\0v", 1);
  other.ask(T.WRITE, "/new/others\0v");
  model.commit(engine, dirty);
  refresh(client.connection.transactions.get(1)!, engine.state.tree, "/new/others");
  assertEquals(client.ask(T.TRANSACTION_END, "T\0", 1), "TRANSACTION_END OK\0");
  other.ask(T.RM, "/new\0");
  model.commit(engine, dirty);
  assertEquals(model.lines(), linesOf(engine));
});

Deno.test("dirty: parents that were made again when a snapshot moved on are told without the node", () => {
  const then: readonly [type: number, payload: string][][] = [
    [[T.RM, "/p/q/r\0"]],
    [[T.RM, "/p/q/r\0"], [T.MKDIR, "/p/q/r\0"]],
    [[T.RM, "/p/q/r\0"], [T.WRITE, "/p/q/s/t\0w"]],
    [[T.RM, "/p/q\0"]],
    [[T.RM, "/p/q\0"], [T.WRITE, "/p/q/r\0w"]],
    [[T.RM, "/p\0"]],
  ];
  for (const requests of then) {
    const { dirty, engine, model } = begin();
    const [client, other] = [new Client(engine, 0), new Client(engine, 0)];
    other.ask(T.WRITE, "/p/q/r\0v");
    model.commit(engine, dirty);
    const id = parseInt(client.ask(T.TRANSACTION_START, "\0").split(" ")[1]!);
    client.ask(T.WRITE, "/p/q/r\0w", id);
    client.ask(T.READ, "/tool\0", id);
    other.ask(T.RM, "/p\0");
    model.commit(engine, dirty);
    refresh(client.connection.transactions.get(id)!, engine.state.tree, "/p/q/r");
    for (const [type, payload] of requests) client.ask(type, payload, id);
    assertEquals(client.ask(T.TRANSACTION_END, "T\0", id), "TRANSACTION_END OK\0");
    model.commit(engine, dirty);
    assertEquals(model.lines(), linesOf(engine), JSON.stringify(requests));
  }
});

Deno.test("dirty: what a turn writes is in proportion to what changed, not to the requests", () => {
  const { dirty, engine, model } = begin();
  const client = new Client(engine, 0);
  const ask = (type: number, payload: string, txId = 0): void => {
    const reply = client.ask(type, payload, txId);
    assert(!reply.startsWith("ERROR"), reply);
  };
  const value = "x".repeat(2_000);
  const chain = (levels: number): string => "/chain" + "/a".repeat(levels);
  ask(T.WRITE, `/node\0${value}`);
  model.commit(engine, dirty);
  const cases: [what: string, most: number, requests: () => void][] = [
    ["permissions do not write the value", 60, () => ask(T.SET_PERMS, "/node\0n0\0r1\0")],
    ["a node written 32 times is written once", 2_100, () => {
      for (let i = 0; i < 32; i++) ask(T.WRITE, `/node\0${i}${value}`);
    }],
    ["what is made and removed leaves nothing but its parent's generation", 40, () => {
      ask(T.WRITE, `/made/below\0${value}`);
      ask(T.RM, "/made\0");
    }],
    ["the same in transactions", 40, () => {
      for (let i = 0; i < 8; i++) {
        ask(T.TRANSACTION_START, "\0");
        const id = parseInt(client.reply.split(" ")[1]!);
        ask(T.WRITE, `/made/below${i}\0${value}`, id);
        ask(T.TRANSACTION_END, "T\0", id);
      }
      ask(T.RM, "/made\0");
    }],
    ["a chain of nodes takes what each adds", 50 * 400, () => ask(T.MKDIR, `${chain(400)}\0`)],
    ["a tree that is removed is one record", 60, () => ask(T.RM, "/chain\0")],
  ];
  for (const [what, most, requests] of cases) {
    requests();
    const bytes = model.commit(engine, dirty);
    assert(bytes <= most, `${what}: ${bytes} bytes instead of at most ${most}`);
    assertEquals(model.lines(), linesOf(engine), what);
  }
});

Deno.test("dirty: nodes that a transaction removed and made again come behind their parents", async () => {
  await using scratch = await makeScratch();
  const hypervisor = new Hypervisor();
  hypervisor.create(0);
  const life = new Life(hypervisor, `${scratch.path}/store`);
  life.ask(0, T.TRANSACTION_START, "\0");
  for (
    const [type, payload] of [
      [T.WRITE, "/p/q/x\0value"],
      [T.RM, "/p/q/x\0"],
      [T.RM, "/p\0"],
      [T.WRITE, "/p/q\0value"],
    ] as const
  ) life.ask(0, type, payload, 1);
  assertEquals(life.ask(0, T.TRANSACTION_END, "T\0", 1), "TRANSACTION_END OK\0");
  assertSurvives(life, hypervisor, `${scratch.path}/copy`);
  life.close();
});

/** The names of what a turn writes of connections that outlive the process. */
function written({ state }: Engine, dirty: Dirty): string[] {
  const to = new ByteWriter(64);
  putDirty(to, new NodeWriter(to), state, dirty);
  dirty.clear();
  const names: string[] = [];
  const sink = new Proxy({}, {
    get: (_target, name) => (): void => void names.push(String(name)),
  }) as ChangeSink;
  readChanges(new ByteReader(to.written), sink);
  return names;
}

Deno.test("dirty: what came and went in a turn leaves nothing, what was known before is told to be gone", () => {
  const dirty = new Dirty();
  const engine = newEngine(dirty);
  const client = new Client(engine, 0, { key: 70_000 });
  assertEquals(written(engine, dirty).includes("held"), true);
  client.ask(T.WATCH, "/a\0t\0");
  client.ask(T.UNWATCH, "/a\0t\0");
  assertEquals(written(engine, dirty), []);
  client.ask(T.TRANSACTION_START, "\0");
  client.ask(T.TRANSACTION_END, "F\0", 1);
  assertEquals(written(engine, dirty), ["idsGiven"]);
  client.ask(T.WATCH, "/a\0t\0");
  client.ask(T.TRANSACTION_START, "\0");
  assertEquals(written(engine, dirty), ["watch", "transaction"]);
  client.ask(T.MKDIR, "/a/made\0", 2);
  assertEquals(written(engine, dirty), ["transaction"]);
  client.ask(T.UNWATCH, "/a\0t\0");
  client.ask(T.TRANSACTION_END, "F\0", 2);
  assertEquals(written(engine, dirty), ["unwatch", "transaction"]);
  const other = engine.connect({
    kind: "socket",
    domid: 0,
    label: "other",
    key: 70_001,
    outbox: client.connection.outbox,
  });
  engine.disconnect(other);
  assertEquals(written(engine, dirty), []);
  client.ask(T.WATCH, "/a\0t\0");
  written(engine, dirty);
  engine.disconnect(client.connection);
  assertEquals(written(engine, dirty), ["heldGone"]);
});

Deno.test("dirty: many things of one kind in a turn are each written once, in the order of their marks", () => {
  const dirty = new Dirty();
  const engine = newEngine(dirty);
  const client = new Client(engine, 0, { key: 70_000 });
  written(engine, dirty);
  const watch = (type: number, i: number): string => client.ask(type, `/a\0t${i}\0`);
  for (const count of [15, 16, 17, 18, 60]) {
    for (let i = 0; i < count; i++) watch(T.WATCH, i);
    for (let i = 0; i < count; i += 2) {
      watch(T.UNWATCH, i);
      watch(T.WATCH, i);
    }
    watch(T.UNWATCH, 0);
    assertEquals(written(engine, dirty), Array.from({ length: count - 1 }, () => "watch"));
    for (let i = 1; i < count; i++) watch(T.UNWATCH, i);
    assertEquals(written(engine, dirty), Array.from({ length: count - 1 }, () => "unwatch"));
    assertEquals(written(engine, dirty), []);
  }
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 40; i++) {
      client.ask(T.SET_QUOTA, `nodes\0${i + 1}\0`);
      client.ask(T.SET_PERMS, "@releaseDomain\0n0\0");
    }
    assertEquals(written(engine, dirty), ["quotas", "node"]);
  }
});
