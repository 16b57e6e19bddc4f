/** What the engine tells of each commit: replayed over nothing it is the tree, and nothing is told twice. */
import { assert, assertEquals } from "@std/assert";
import type { Abort, Commit, CommitListener } from "../../lib/engine/commit_listener.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { Accounts } from "../../lib/engine/accounts.ts";
import { NoJournal } from "../../lib/journal/journal.ts";
import { snapshot } from "../../lib/persist/snapshot.ts";
import { restoreSteps } from "../../lib/server/jobs/restore_steps.ts";
import { collectAll } from "../../lib/state/checked_records.ts";
import { Replacement } from "../../lib/persist/restore_whole_store.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { formatPerms } from "../../lib/store/perms.ts";
import type { NodeState } from "../../lib/store/tree_changes.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { encodeStream } from "../support/encode_stream.ts";
import { type Random, withSeed } from "../support/random.ts";
import { Client, randomRequest } from "../support/engine_client.ts";

function show(node: NodeState | null): string {
  return node === null ? "none" : `${toText(node.value)} ${formatPerms(node.perms)}`;
}

/** What is left of a commit when the call that told of it is over. */
interface Told extends Pick<Commit, "kind" | "author" | "type" | "deeds" | "group"> {
  readonly paths: readonly string[];
}

/** A tree that knows nothing but what commits have told of. */
class Model implements CommitListener {
  readonly nodes = new Map<string, string>();
  readonly commits: Told[] = [];
  readonly aborts: Abort[] = [];
  /** What {@link repeated} must be like. */
  last: Told | null = null;
  repetitions = 0;

  committed(commit: Commit): void {
    const { author, deeds, group, kind, only, type } = commit;
    const paths: string[] = [];
    commit.visit(({ text: path }, old, now) => {
      assert(!paths.includes(path), `${path} is told twice`);
      paths.push(path);
      assertEquals(
        show(old),
        this.nodes.get(path) ?? "none",
        `${kind}: ${path} was something else`,
      );
      if (now === null) this.nodes.delete(path);
      else this.nodes.set(path, show(now));
      return true;
    });
    if (only !== null) assertEquals(paths, [only.path]);
    this.commits.push(this.last = { author, deeds, group, kind, type, paths });
  }

  repeated(old: NodeState, now: NodeState): number {
    const last = this.last!, { deeds, group, kind, paths } = last, [path] = paths;
    assertEquals([kind, deeds, group, paths.length], ["request", [], 0, 1]);
    assertEquals(show(old), this.nodes.get(path!));
    this.nodes.set(path!, show(now));
    this.commits.push(last);
    this.repetitions++;
    return 0;
  }

  aborted(abort: Abort): void {
    this.aborts.push(abort);
  }

  lines(): string[] {
    return [...this.nodes].map(([path, node]) => `${path} ${node}`).sort();
  }
}

/** An engine with guests 1 to 3, and the model that listens to it. */
class World {
  readonly model = new Model();
  readonly engine: Engine;
  /** Its present holders' unique ids, by domid. */
  readonly holders = new Map([1, 2, 3].map((domid) => [domid, BigInt(domid)]));
  readonly clients: Client[];

  constructor(listener: CommitListener | null = null) {
    const info = (domid: number): { domid: number; state: number; uniqueId: bigint } | null => {
      const uniqueId = domid === 0 ? 0n : this.holders.get(domid);
      return uniqueId === undefined ? null : { domid, state: 1, uniqueId };
    };
    this.engine = new Engine({
      domains: { info, open: () => 0, reset: () => {}, close: () => {} },
      listener: listener ?? this.model,
    });
    this.engine.state.commits!.started("nothing");
    this.clients = [0, 0, 1, 2].map((domid) => new Client(this.engine, domid));
    for (const domid of this.holders.keys()) this.engine.state.domains.know(domid);
    for (const path of ["/a", "/b", "/c/a"]) this.clients[0]!.ask(T.WRITE, `${path}\0`);
    this.clients[0]!.ask(T.SET_PERMS, "/a\0b0\0b1\0b2\0");
    this.clients[0]!.ask(T.SET_PERMS, "/c/a\0n1\0b2\0");
  }

  lines(): string[] {
    const { specials, tree } = this.engine.state;
    return [...subtree(tree.root), ...specials]
      .map(([path, node]) => `${path} ${show(node)}`).sort();
  }

  /** The commits told since the last call. */
  take(): Told[] {
    return this.model.commits.splice(0);
  }
}

/** A restore of what another random store has. */
function restore(random: Random, { clients, engine: { state } }: World): void {
  const other = new World();
  for (let i = 0; i < 30; i++) other.clients[0]!.ask(...randomRequest(random));
  const counted = new Accounts(), owner = { versions: state.versions, ledger: counted };
  const all = collectAll(snapshot(other.engine.state).records, null, owner);
  const replacement = new Replacement(state, all, counted);
  for (const _ of replacement.prepare(() => {}));
  replacement.adopt();
  state.commits!.restored(clients[0]!.connection, null);
  for (const _ of replacement.announce());
}

/** A restore of what another random store has of domain 1, or (`check`) a look whether it could be done. */
function restoreDomain(
  random: Random,
  { clients, engine: { state } }: World,
  check: boolean,
): void {
  const other = new World();
  for (let i = 0; i < 30; i++) {
    const [type, payload] = randomRequest(random);
    other.clients[0]!.ask(type, `/local/domain/1${payload}`);
  }
  const { records } = snapshot(other.engine.state, { domid: 1 });
  const bytes = encodeStream([...records], { version: 2, endian: "little" });
  const job = { by: clients[0]!.connection, inherit: () => true, journal: new NoJournal(), state };
  const order = { check, mapping: { from: 1, to: 1 }, overQuota: true };
  const progress = { done: 0, expected: 0, hasTakenEffect: false };
  for (const _ of restoreSteps(job, order, bytes, progress));
}

/** The requests that change something when they are answered with OK. */
const CHANGING: ReadonlySet<number> = new Set([T.WRITE, T.RM, T.MKDIR, T.SET_PERMS]);

function ask(
  world: World,
  client: Client,
  open: Map<Client, number>,
  [type, payload]: ReturnType<typeof randomRequest>,
): void {
  const path = payload.slice(0, payload.indexOf("\0"));
  const { model } = world;
  const txId = open.get(client) ?? 0;
  const wasThere = model.nodes.has(path);
  world.take();
  const reply = client.ask(type, payload, txId);
  const told = world.take();
  assertEquals(model.lines(), world.lines());
  // One that has to wait for a reservation has done nothing yet.
  const isOk = reply !== "held" && !reply.startsWith("ERROR");
  // To make what is there, and to remove what is not, changes nothing.
  const changes = CHANGING.has(type) && isOk && txId === 0 &&
    (type !== T.MKDIR || !wasThere) && (type !== T.RM || wasThere);
  const commits = told.filter(({ kind }) => kind === "request");
  assertEquals(commits.length, changes ? 1 : 0, `${reply} ${type} ${path}`);
  if (changes) {
    assert(commits[0]!.paths.includes(path));
    assertEquals(commits[0]!.type, type);
    const { author } = commits[0]!;
    const { domid } = client.connection;
    assertEquals(author.kind, domid === 0 ? "process" : "domain");
    assertEquals(author.kind === "daemon" ? -1 : author.domid, domid);
  }
}

function endOrStart(world: World, client: Client, open: Map<Client, number>, random: Random): void {
  const { model } = world;
  const id = open.get(client);
  if (id === undefined) {
    const reply = client.ask(T.TRANSACTION_START, "\0");
    open.set(client, parseInt(reply.split(" ")[1]!));
    return;
  }
  open.delete(client);
  const transaction = client.connection.transactions.get(id)!;
  const writes = transaction.written.length > 0, { operations } = transaction;
  const aborts = model.aborts.length;
  world.take();
  const isEnd = random.chance(0.8);
  const reply = client.ask(T.TRANSACTION_END, isEnd ? "T\0" : "F\0", id);
  const told = world.take();
  const isCommitted = isEnd && writes && reply === "TRANSACTION_END OK\0";
  assertEquals(told.length, isCommitted ? 1 : 0);
  assertEquals(model.aborts.length - aborts, reply.includes("EAGAIN") ? 1 : 0);
  if (isCommitted) {
    const deed = { kind: "transaction", id, operations: operations + 1 } as const;
    assertEquals(told.map(({ deeds, kind }) => ({ deeds, kind })), [
      { deeds: [deed], kind: "request" },
    ]);
  }
  assertEquals(model.lines(), world.lines());
}

function die(world: World, random: Random): void {
  const { engine, holders } = world;
  const domid = random.pick([1, 2, 3]);
  const uniqueId = holders.get(domid)!;
  world.take();
  holders.delete(domid);
  engine.domainsChanged();
  while (engine.due) engine.tick(0);
  const told = world.take();
  assert(
    told.every(({ group, kind }) => kind === "death" && group === told[0]!.group && group > 0),
  );
  const deeds = told.flatMap(({ deeds }) => deeds);
  assertEquals(deeds.map(({ kind }) => kind), ["died", "erased"]);
  for (const deed of deeds) {
    assert(deed.kind === "died" || deed.kind === "erased");
    assertEquals([deed.domid, deed.uniqueId], [domid, uniqueId]);
  }
  assertEquals(world.model.lines(), world.lines());
  holders.set(domid, uniqueId + 10n);
  engine.state.domains.know(domid);
}

Deno.test("commits: replayed over nothing they are the tree, after any history", () => {
  let repetitions = 0;
  withSeed((random) => {
    for (let round = 0; round < 40; round++) {
      const world = new World();
      const open = new Map<Client, number>();
      for (let step = 0; step < 200; step++) {
        const client = random.pick(world.clients);
        const request = randomRequest(random);
        for (let times = random.chance(0.2) ? 3 : 1; times > 0; times--) {
          ask(world, client, open, request);
        }
        if (random.chance(0.15)) endOrStart(world, client, open, random);
        if (random.chance(0.02)) die(world, random);
        if (random.chance(0.01)) {
          world.take();
          restore(random, world);
          assertEquals(world.take().map(({ kind }) => kind), ["restore"]);
          assertEquals(world.model.lines(), world.lines());
        }
      }
      repetitions += world.model.repetitions;
    }
  });
  assert(repetitions > 10, `${repetitions} were told as repetitions`);
});

Deno.test("commits: the restore of a domain's part is one, by the client that asked for it", () => {
  withSeed((random) => {
    let changes = 0;
    for (let round = 0; round < 40; round++) {
      const world = new World();
      for (let i = 0; i < 30; i++) {
        const [type, payload] = randomRequest(random);
        world.clients[0]!.ask(type, `/local/domain/1${payload}`);
      }
      world.take();
      restoreDomain(random, world, true);
      assertEquals(world.take(), []);
      restoreDomain(random, world, false);
      const [commit, ...more] = world.take();
      assertEquals(more, []);
      const { author, deeds, kind, paths, type } = commit!;
      assertEquals(deeds.at(-1), { kind: "restored", domid: 1 });
      assertEquals([kind, type, author.kind], ["restore", null, "process"]);
      assert(paths.every((path) => path.startsWith("/local")), `${paths}`);
      changes += paths.length;
      assertEquals(world.model.lines(), world.lines());
    }
    assert(changes > 100, `${changes} changes`);
  });
});

Deno.test("commits: what dies in slices is told in several that belong together", () => {
  const world = new World();
  const { clients: [dom0], engine, holders } = world;
  dom0!.ask(T.WRITE, "/local/domain/1/name\0sys-usb");
  for (let i = 0; i < 3_000; i++) dom0!.ask(T.WRITE, `/local/domain/1/data/n${i}/x\0value`);
  dom0!.ask(T.SET_PERMS, "/local/domain/1\0n1\0");
  for (let i = 0; i < 3_000; i++) {
    dom0!.ask(T.WRITE, `/elsewhere/n${i}\0value`);
    dom0!.ask(T.SET_PERMS, `/elsewhere/n${i}\0n1\0`);
  }
  world.take();
  holders.delete(1);
  engine.domainsChanged();
  let turns = 1;
  for (; engine.due; turns++) {
    engine.tick(0);
    dom0!.ask(T.WRITE, "/meanwhile\0value");
  }
  assert(turns > 2, `${turns}`);
  const told = world.take(), deaths = told.filter(({ kind }) => kind === "death");
  assert(deaths.length > 2, `${deaths.length} commits`);
  assertEquals(new Set(deaths.map(({ group }) => group)).size, 1);
  assertEquals(deaths[0]!.deeds, [{ kind: "died", domid: 1, uniqueId: 1n, name: "sys-usb" }]);
  assertEquals(deaths.at(-1)!.deeds, [{ kind: "erased", domid: 1, uniqueId: 1n }]);
  assertEquals(told.length - deaths.length, turns - 1);
  assertEquals(world.model.lines(), world.lines());
});

/** A world in which domain 1 has died, most of its nodes are still there, and another domain has its number. */
function returning(): World {
  const world = new World();
  const { clients: [dom0], engine, holders } = world;
  for (let i = 0; i < 3_000; i++) dom0!.ask(T.WRITE, `/local/domain/1/data/n${i}/x\0value`);
  dom0!.ask(T.SET_PERMS, "/local/domain/1\0n1\0");
  for (let i = 0; i < 3_000; i++) {
    dom0!.ask(T.WRITE, `/elsewhere/n${i}\0value`);
    dom0!.ask(T.SET_PERMS, `/elsewhere/n${i}\0n1\0`);
  }
  holders.delete(1);
  engine.domainsChanged();
  assert(engine.due, "something is left");
  holders.set(1, 11n);
  world.take();
  return world;
}

/** Requests during which the nodes of the dead domain may go, and whether these requests then change something. */
const IN_THE_MIDDLE: readonly [payload: string, reply: string][] = [
  ["/elsewhere/n2999\0n1\0", "ERROR ENOENT\0"],
  ["/local/domain/1/data/n2999/x\0n1\0", "ERROR ENOENT\0"],
  ["/local/domain/1\0n1\0", "ERROR ENOENT\0"],
  ["/b\0n0\0r1\0", "SET_PERMS OK\0"],
];

Deno.test("commits: what a death removes in the middle of a request is told before it, and is no change of it", () => {
  for (const [payload, reply] of IN_THE_MIDDLE) {
    const world = returning(), { clients: [dom0], engine, model } = world;
    assertEquals(dom0!.ask(T.SET_PERMS, payload), reply, payload);
    assertEquals(engine.due, false, "nothing is left");
    assertEquals(model.lines(), world.lines(), payload);
    const told = world.take().map(({ kind }) => kind);
    assertEquals(told, ["death", ...(reply.startsWith("ERROR") ? [] : ["request"])], payload);
  }
});

Deno.test("commits: what a request has changed before a death in its middle is told behind that, by its client", () => {
  const world = returning(), { clients: [dom0], engine: { state }, model } = world;
  const { connection } = dom0!;
  state.tree.setValue("/b", toBytes("before"), connection.origin, state.find("/b")!);
  state.commits!.note({ kind: "resumed", domid: 2 });
  assert(state.domains.know(1) !== null);
  state.commits!.request(connection, T.WRITE);
  assertEquals(model.lines(), world.lines());
  const [death, request, ...others] = world.take();
  assertEquals([death!.kind, death!.author.kind, others], ["death", "daemon", []]);
  assert(!death!.paths.includes("/b") && death!.paths.length > 100);
  assertEquals(death!.deeds, [{ kind: "erased", domid: 1, uniqueId: 1n }]);
  assertEquals([request!.kind, request!.type, request!.paths], ["request", T.WRITE, ["/b"]]);
  assertEquals(request!.deeds, [{ kind: "resumed", domid: 2 }]);
});

Deno.test("commits: what is no node is told as well, each once, with who did it", () => {
  const world = new World();
  const { clients: [dom0], engine } = world;
  world.take();
  const cases: [type: number, payload: string, deed: Told["deeds"][number]][] = [
    [T.SET_FEATURE, "3\x002\0", { kind: "features", domid: 3, features: 2 }],
    [T.INTRODUCE, "3\x001\x007\0", { kind: "introduced", domid: 3, port: 7 }],
    [T.INTRODUCE, "3\x001\x008\0", { kind: "introduced", domid: 3, port: 8 }],
    [T.INTRODUCE, "2\x001\x009\0", { kind: "introduced", domid: 2, port: 9 }],
    [T.SET_TARGET, "3\x002\0", { kind: "target", domid: 3, target: 2 }],
    [T.RESUME, "3\0", { kind: "resumed", domid: 3 }],
    [T.SET_QUOTA, "nodes\x005\0", { kind: "quota", domid: null, name: "nodes", old: 1000, new: 5 }],
    [T.SET_QUOTA, "3\0nodes\x006\0", {
      kind: "quota",
      domid: 3,
      name: "nodes",
      old: 1000,
      new: 6,
    }],
    [T.CONTROL, "quota\0set\0watches\x009\0", {
      kind: "quota",
      domid: null,
      name: "watches",
      old: 128,
      new: 9,
    }],
    [T.CONTROL, "log\0off\0", { kind: "setting", name: "trace", value: "off" }],
  ];
  for (const [type, payload, deed] of cases) {
    assert(!dom0!.ask(type, payload).startsWith("ERROR"), `${payload}: ${dom0!.reply}`);
    const told = world.take();
    assertEquals(told.map(({ deeds, kind, type }) => ({ deeds, kind, type })), [
      { deeds: [deed], kind: "request", type },
    ]);
  }
  assertEquals(dom0!.ask(T.RELEASE, "3\0"), "RELEASE OK\0");
  const [death, release] = world.take();
  assertEquals(death!.deeds.map(({ kind }) => kind), ["died", "erased"]);
  assertEquals(release!.deeds, [{ kind: "released", domid: 3 }]);
  for (const payload of ["@introduceDomain\0n0\0r2\0", "@releaseDomain\0n0\0"]) {
    assertEquals(dom0!.ask(T.SET_PERMS, payload), "SET_PERMS OK\0");
    assertEquals(world.take().map(({ paths }) => paths), [[
      payload.slice(0, payload.indexOf("\0")),
    ]]);
  }
  assertEquals(world.model.lines(), world.lines());
  for (
    const [type, payload] of [[T.READ, "/a\0"], [T.WATCH, "/a\0t\0"], [T.RM, "/nope\0"]] as const
  ) {
    dom0!.ask(type, payload);
  }
  assertEquals(engine.connect({ kind: "socket", domid: 0, label: "x", outbox: SILENT }).open, true);
  assertEquals(world.take(), []);
});

const SILENT = { reply: (): void => {}, event: (): void => {} };

Deno.test("commits: what nobody asked for is told as the daemon's, before the next request", () => {
  const world = new World();
  const { clients: [dom0], engine: { state } } = world;
  world.take();
  state.tree.setValue("/a", new Uint8Array([0x78]), { label: "nobody" });
  dom0!.ask(T.WRITE, "/b\0v");
  const told = world.take();
  assertEquals(told.map(({ author, kind, paths }) => [author.kind, kind, paths]), [
    ["daemon", "repair", ["/a"]],
    ["process", "request", ["/b"]],
  ]);
  assertEquals(world.model.lines(), world.lines());
});

Deno.test("commits: an aborted transaction is told with the path, what was seen and who changed it", () => {
  const world = new World();
  const [client, other] = world.clients;
  client!.ask(T.TRANSACTION_START, "\0");
  client!.ask(T.READ, "/a\0", 1);
  client!.ask(T.WRITE, "/b\0v", 1);
  other!.ask(T.WRITE, "/a\0changed");
  world.take();
  assertEquals(client!.ask(T.TRANSACTION_END, "T\0", 1), "ERROR EAGAIN\0");
  assertEquals(world.take(), []);
  const [{ conflict, id, operations }] = world.model.aborts as [Abort];
  assertEquals([id, operations], [1, 3]);
  assertEquals(conflict, {
    path: "/a",
    facet: "value",
    saw: "0 bytes",
    now: "7 bytes",
    by: other!.connection.origin,
  });
});

Deno.test("commits: a start is the daemon's; all nodes are told where they are new, and nothing that led to it", () => {
  for (const after of ["nothing", "boot", "end", "death", "live update"] as const) {
    const world = new World(), { engine: { state }, model } = world;
    world.take();
    // What is loaded, or found wrong and set right, before the start is no commit of its own.
    state.tree.setValue("/a", new Uint8Array([0x78]), { label: "nobody" });
    const isNew = after === "nothing" || after === "boot";
    if (isNew) model.nodes.clear();
    state.commits!.started(after);
    const [{ author, deeds, kind, paths, type }, ...more] = world.take() as [Told];
    assertEquals(more, []);
    assertEquals([kind, type, author.kind], ["start", null, "daemon"]);
    assertEquals(deeds, [{ kind: "started", after }]);
    assertEquals([...paths].sort(), isNew ? [...model.nodes.keys()].sort() : []);
    if (isNew) assertEquals(model.lines(), world.lines());
    world.clients[0]!.ask(T.WRITE, "/b\0v");
    assertEquals(world.take().map(({ kind, paths }) => [kind, paths]), [["request", ["/b"]]]);
  }
});

Deno.test("commits: a large one is told as it is read, and need not be", () => {
  let pulled = 0, all = 0;
  const world: World = new World({
    committed: (commit) => {
      const { type } = commit;
      if (type !== T.RM) return;
      commit.visit(() => ++pulled < 10);
      commit.visit((_trail, _old, now) => {
        assertEquals(now, null);
        return ++all > 0;
      });
    },
    aborted: () => {},
  });
  const [dom0] = world.clients;
  for (let i = 0; i < 20_000; i++) dom0!.ask(T.WRITE, `/many/${i % 100}/${i}\0v`);
  dom0!.ask(T.RM, "/many\0");
  assertEquals([pulled, all], [10, 20_101]);
});
