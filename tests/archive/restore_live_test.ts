/** Restoring into a store that lives: all or nothing, watchers hear of it, and it survives. */
import { systemClock } from "../../lib/clock.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { check } from "../../lib/engine/recount.ts";
import type { Connection } from "../../lib/engine/connection.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import type { HostedDomains } from "../../lib/server/domains/hosted_domains.ts";
import { resumeStore } from "../../lib/server/persistence/resume_store.ts";
import { diffArchives } from "../../lib/archive/diff.ts";
import { differenceLines } from "../../lib/archive/diff_text.ts";
import { RecordError } from "../../lib/state/checked_records.ts";
import type { StateRecord } from "../../lib/state/records.ts";
import { StreamError } from "../../lib/codec/stream.ts";
import {
  type RestoreJob,
  type RestoreProgress,
  restoreSteps,
} from "../../lib/server/jobs/restore_steps.ts";
import { RestoreWork } from "../../lib/server/jobs/restore_work.ts";
import { permEntry } from "../../lib/store/perms.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { encodeStream } from "../support/encode_stream.ts";
import { assertSurvives, Hypervisor, Life, wholeState } from "../support/lives.ts";
import { type Random, withSeed } from "../support/random.ts";
import { domain, node, ring, transaction, transactionNode, watch } from "../support/records.ts";
import { makeScratch } from "../support/scratch.ts";
import { fill, recordsOf } from "./random_store.ts";

interface Options {
  readonly mapping?: { readonly from: number; readonly to: number };
  readonly check?: boolean;
  readonly overQuota?: boolean;
  /** Called between two slices, each of which is a turn. */
  readonly between?: (slice: number) => void;
}

function targetOf({ journal, state }: Life): RestoreJob {
  const [by] = state.connections;
  return { state, journal, inherit: () => false, by: by! };
}

function newProgress(): RestoreProgress {
  return { done: 0, expected: 0, hasTakenEffect: false };
}

/** Restores bytes as the daemon does, a turn a slice; returns the report. */
function restore(life: Life, file: string, options: Options = {}): Record<string, unknown> {
  const { between, check = false, mapping = null, overQuota = true } = options;
  const order = { mapping, check, overQuota };
  const steps = restoreSteps(targetOf(life), order, Deno.readFileSync(file), newProgress());
  for (let slice = 0;; slice++) {
    const step = steps.next();
    life.journal.commit();
    if (step.done === true) return { ...step.value };
    between?.(slice);
  }
}

function write(path: string, records: readonly StateRecord[]): string {
  Deno.writeFileSync(path, encodeStream(records, { version: 2, endian: "little" }));
  return path;
}

interface World extends AsyncDisposable {
  readonly folder: string;
  readonly hypervisor: Hypervisor;
  readonly life: Life;
}

async function makeWorld(): Promise<World> {
  const scratch = await makeScratch();
  const hypervisor = new Hypervisor();
  hypervisor.create(0);
  const life = new Life(hypervisor, `${scratch.path}/store`);
  return {
    folder: scratch.path,
    hypervisor,
    life,
    [Symbol.asyncDispose]: async () => {
      life.close();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

/** So many nodes that a restore takes several slices. */
function fillUp(life: Life): void {
  for (let i = 0; i < 500; i++) life.ask(0, MessageType.WRITE, `/bulk/${i}\0value ${i}`);
}

function differences(life: Life, records: readonly StateRecord[]): string[] {
  const archive = { notes: [], nodesOnly: true };
  const before = { ...archive, name: "dump", records };
  const after = { ...archive, name: "live", records: recordsOf(life.state) };
  return diffArchives(before, after).flatMap((found) => differenceLines(found, false));
}

function change(random: Random, life: Life): void {
  for (let count = 20; count > 0; count--) {
    const path = `/${random.pick(["a", "b", "n"])}/${random.pick(["a", "x", "y"])}`;
    if (random.chance(0.3)) life.ask(0, MessageType.RM, `${path}\0`);
    else life.ask(0, MessageType.WRITE, `${path}\0${random.below(9)}`);
  }
}

Deno.test("restore: a living store has the dump's nodes, whatever clients do meanwhile", async () => {
  await using world = await makeWorld();
  const { folder, hypervisor, life } = world;
  withSeed((random) => {
    fill(random, hypervisor, life);
    fillUp(life);
    const records = recordsOf(life.state), file = write(`${folder}/dump`, records);
    for (let round = 0; round < 5; round++) {
      change(random, life);
      life.ask(0, MessageType.WRITE, "/changed\0");
      assert(differences(life, records).length > 0);
      let slices = 0;
      const between = (): void => {
        slices++;
        change(random, life);
      };
      const report = restore(life, file, { between });
      assert(slices > 2, `only ${slices} slices`);
      assertEquals(differences(life, records), []);
      assertEquals(report["leftOut"] instanceof Array, true);
      assertEquals(check(life.state), [], "counters differ from a recount");
      assertSurvives(life, hypervisor, `${folder}/copy-${round}`);
    }
  });
});

Deno.test("restore: killed at any moment, the store is the one before or the one after", async () => {
  await using world = await makeWorld();
  const { folder, hypervisor, life } = world;
  withSeed((random) => {
    fill(random, hypervisor, life);
    fillUp(life);
    const file = write(`${folder}/dump`, recordsOf(life.state));
    change(random, life);
    life.journal.commit();
    const before = wholeState(life.state);
    let slices = 0;
    restore(life, file, {
      between: () => {
        slices++;
        assertEquals(wholeState(life.state), before, "something was changed too early");
        assertSurvives(life, hypervisor, `${folder}/killed`);
      },
    });
    assert(slices > 2, `only ${slices} slices`);
    assertSurvives(life, hypervisor, `${folder}/after`);
    // One that is given up, behind each of its slices.
    change(random, life);
    life.journal.commit();
    const kept = wholeState(life.state);
    for (let most = 1; most < slices; most++) {
      const order = { mapping: null, check: false, overQuota: true };
      const steps = restoreSteps(targetOf(life), order, Deno.readFileSync(file), newProgress());
      for (let i = 0; i < most; i++) {
        steps.next();
        life.journal.commit();
      }
      steps.return({ nodes: 0, leftOut: [] });
      life.journal.commit();
      assertEquals(wholeState(life.state), kept, `given up behind slice ${most}`);
      assertSurvives(life, hypervisor, `${folder}/given up ${most}`);
    }
    restore(life, file);
    assertSurvives(life, hypervisor, `${folder}/again`);
  });
});

Deno.test("restore: from the slice on in which the store is replaced, it can't be given up", async () => {
  await using world = await makeWorld();
  const { folder, life } = world;
  fillUp(life);
  life.ask(0, MessageType.WATCH, "/\0token\0");
  const bytes = Deno.readFileSync(write(`${folder}/dump`, recordsOf(life.state)));
  for (let i = 0; i < 500; i++) life.ask(0, MessageType.WRITE, `/bulk/${i}\0another`);
  const order = { mapping: null, check: false, overQuota: true, bytes: bytes.length };
  const progress = newProgress();
  const steps = restoreSteps(targetOf(life), order, bytes, progress);
  const told = new Set<boolean>();
  while (steps.next().done !== true) {
    const isNew = life.ask(0, MessageType.READ, "/bulk/499\0") === "READ value 499";
    assertEquals(progress.hasTakenEffect, isNew);
    told.add(isNew);
  }
  assertEquals(told.size, 2, "it is not told over several slices");
  const work = new RestoreWork(targetOf(life), order, systemClock, () => {}, () => {});
  work.progress.hasTakenEffect = true;
  assertEquals(work.abandon(), false);
  work.progress.hasTakenEffect = false;
  assertEquals(work.abandon(), true);
});

Deno.test("restore: --dry-run changes nothing", async () => {
  await using world = await makeWorld();
  const { folder, life } = world;
  const file = write(`${folder}/dump`, [node("/"), node("/new", "value")]);
  const before = wholeState(life.state);
  assertEquals(restore(life, file, { check: true })["nodes"], 2);
  assertEquals(wholeState(life.state), before);
  // What is done counts as what was said before: the specials are counted by themselves.
  assertEquals(restore(life, file)["nodes"], 2);
});

const RING = ring(7, 1);
const WATCH = watch(7, "/x", "t");

/** What is put behind a good store, and what is said of it. */
const BAD: readonly (readonly [problem: string, ...records: StateRecord[]])[] = [
  ["/no/parent comes before its parent", node("/no/parent")],
  ["/good comes a second time", node("/good")],
  ["/bad has no permissions", { ...node("/bad"), perms: [] }],
  ["invalid path '/a//b'", node("/a//b")],
  ["there is no connection 7", WATCH],
  ["connection 7 comes a second time", RING, RING],
  ["domain 1 has a second ring", RING, ring(8, 1)],
  ["the watch on /x with token 't' comes a second time", RING, WATCH, WATCH],
  ["connection 7 has no transaction 3", RING, transactionNode(7, 3, "/x")],
  [
    "transaction 3 of connection 7 comes a second time",
    RING,
    transaction(7, 3),
    transaction(7, 3),
  ],
  [
    "domain 1 would have nodes 1001, its quota is 1000",
    ...Array.from({ length: 1001 }, (_, i) => node(`/n${i}`, "", [permEntry(1, 0)])),
  ],
  ["domain 1 would have node-size 3024", node("/big", "x".repeat(3000), [permEntry(1, 0)])],
];

Deno.test("restore: one bad record at the end changes nothing", async () => {
  await using world = await makeWorld();
  const { folder, hypervisor, life } = world;
  hypervisor.create(1);
  life.ask(0, MessageType.INTRODUCE, "1\x001\x005\0");
  life.ask(0, MessageType.WRITE, "/old\0value");
  const before = wholeState(life.state);
  for (const [problem, ...records] of BAD) {
    const file = write(`${folder}/dump`, [node("/"), node("/good", "value"), ...records]);
    const error = assertThrows(() => restore(life, file, { overQuota: false }), RecordError);
    assertStringIncludes(error.message, problem);
    assertEquals(wholeState(life.state), before, problem);
  }
  const whole = Deno.readFileSync(write(`${folder}/dump`, [node("/"), node("/good", "value")]));
  for (let length = 0; length < whole.length; length++) {
    Deno.writeFileSync(`${folder}/cut`, whole.subarray(0, length));
    assertThrows(() => restore(life, `${folder}/cut`), StreamError);
    assertEquals(wholeState(life.state), before, `cut after ${length} bytes`);
  }
  assertSurvives(life, hypervisor, `${folder}/copy`);
});

Deno.test("restore: without space in the store, or when it ends meanwhile, nothing changes", async () => {
  await using world = await makeWorld();
  const { folder, hypervisor, life } = world;
  life.ask(0, MessageType.WRITE, "/old\0value");
  const before = wholeState(life.state);
  const many = Array.from({ length: 1000 }, (_, i) => node(`/n${i}`, "value"));
  const file = write(`${folder}/dump`, [node("/"), ...many]);
  for (const fullFrom of [0, 3, 12]) {
    life.state.full = fullFrom === 0;
    let slices = 0;
    const between = (slice: number): void => {
      slices = slice;
      life.state.full ||= slice >= fullFrom;
    };
    const error = assertThrows(() => restore(life, file, { between }), RecordError);
    assertStringIncludes(error.message, "no space to write to");
    assert(slices >= fullFrom - 1, `${slices} slices`);
    life.state.full = false;
    assertEquals(wholeState(life.state), before);
    assertSurvives(life, hypervisor, `${folder}/copy`);
  }
});

Deno.test("restore: what belongs to a domain that is not there is left out, and said", async () => {
  await using world = await makeWorld();
  const { folder, hypervisor, life } = world;
  hypervisor.create(1);
  const owned = [permEntry(5, 0)];
  const file = write(`${folder}/dump`, [
    node("/"),
    node("/a", "", owned),
    node("/a/b"),
    node("/c", "", [permEntry(0, 0), permEntry(5, 1), permEntry(1, 1)]),
    domain(1, { uniqueId: 77n, introduced: true }),
    node("/d", "", [permEntry(1, 0)]),
  ]);
  const report = restore(life, file);
  assertEquals(recordsOf(life.state).filter(({ kind }) => kind === "node").length, 2);
  assertEquals(report["leftOut"], [
    "1 node of domain 5, or below: this domain is missing, or another one",
    "1 node of domain 0, or below: this domain is missing, or another one",
    "1 node of domain 1, or below: this domain is missing, or another one",
  ]);
  const stale = 1 << 18;
  // Neither the domain that is gone nor the later one of domid 1 gets any right.
  assertEquals(life.state.find("/c")!.perms, [
    permEntry(0, 0),
    permEntry(5, 1) | stale,
    permEntry(1, 1) | stale,
  ]);
});

/** A client of dom0 that keeps its events. */
function watcher(life: Life, ...paths: string[]): { connection: Connection; events: string[] } {
  const events: string[] = [];
  const outbox = { reply: () => {}, event: (path: string) => void events.push(path) };
  const connection = life.engine.connect({ kind: "socket", domid: 0, label: "watcher", outbox });
  for (const path of paths) life.state.addWatch(connection, path, "token", false, -1);
  return { connection, events };
}

Deno.test("restore: watchers hear of what changed, and of nothing else", async () => {
  await using world = await makeWorld();
  const { folder, life } = world;
  fillUp(life);
  for (const path of ["same", "changed", "gone/below", "gone/other", "perms"]) {
    life.ask(0, MessageType.WRITE, `/w/${path}\0before`);
  }
  const records = recordsOf(life.state);
  const file = write(`${folder}/dump`, [
    ...records.flatMap((record): StateRecord[] => {
      if (record.kind !== "node") return [];
      if (record.path.startsWith("/w/gone")) return [];
      if (record.path === "/w/changed") return [{ ...record, value: toBytes("after") }];
      const perms = [permEntry(0, 0), permEntry(1, 1)];
      return record.path === "/w/perms" ? [{ ...record, perms }] : [record];
    }),
    node("/w/new"),
    node("/w/new/deep"),
  ]);
  const { events } = watcher(life, "/w", "/w/gone/below");
  restore(life, file, {
    // A change that the restore undoes again: it is heard of twice, as with any client.
    between: (slice) => slice === 1 && life.ask(0, MessageType.WRITE, "/w/late\0value"),
  });
  assertEquals(events.sort(), [
    "/w/changed",
    "/w/gone",
    "/w/gone/below",
    "/w/late",
    "/w/late",
    "/w/new",
    "/w/new/deep",
    "/w/perms",
  ]);
});

Deno.test("restore: a transaction that saw the store before does not commit", async () => {
  await using world = await makeWorld();
  const { folder, life } = world;
  life.ask(0, MessageType.WRITE, "/a\0before");
  const file = write(`${folder}/dump`, [node("/"), node("/a", "after")]);
  const id = Number(life.ask(0, MessageType.TRANSACTION_START, "\0")!.split(" ")[1]!.slice(0, -1));
  life.ask(0, MessageType.READ, "/a\0", id);
  life.ask(0, MessageType.WRITE, "/b\0x", id);
  restore(life, file);
  assertEquals(life.ask(0, MessageType.TRANSACTION_END, "T\0", id), "ERROR EAGAIN\0");
  assertEquals(life.ask(0, MessageType.READ, "/a\0"), "READ after");
});

Deno.test("restore --domain N:M: nodes, permissions, watches and transactions under another domid", async () => {
  await using world = await makeWorld();
  const { folder, hypervisor, life } = world;
  withSeed((random) => fill(random, hypervisor, life));
  life.ask(0, MessageType.SET_PERMS, "/local/domain/1\0b1\0r0\0");
  life.ask(0, MessageType.WRITE, "/local/domain/1/device/vif/state\x004");
  life.ask(0, MessageType.SET_PERMS, "/local/domain/1/device\0n1\0b2\0");
  life.ask(0, MessageType.WRITE, "/local/domain/1/vm\0/vm/uuid-1");
  life.ask(0, MessageType.WRITE, "/vm/uuid-1/name\0guest");
  life.ask(1, MessageType.RESET_WATCHES, "\0");
  life.ask(1, MessageType.WATCH, "device\0relative\0");
  life.ask(1, MessageType.WATCH, "/vm\0absolute\0");
  life.ask(1, MessageType.WATCH, "/local/domain/1/data\0own\0");
  const id = Number(life.ask(1, MessageType.TRANSACTION_START, "\0")!.split(" ")[1]!.slice(0, -1));
  const part = recordsOf(life.state, 1);
  assert(part.some((record) => record.kind === "node" && record.path === "/vm/uuid-1/name"));
  const file = write(`${folder}/part`, part);
  hypervisor.create(9);
  life.ask(0, MessageType.INTRODUCE, "9\x001\x0019\0");
  life.ask(0, MessageType.WRITE, "/local/domain/9/own\0kept");
  const others = wholeState(life.state).filter((line) => !/domain\/9|domain 9|vm|of 9/.test(line));
  const { events } = watcher(life, "/local/domain/9");
  const report = restore(life, file, { mapping: { from: 1, to: 9 } });
  assertEquals(report["watches"], 3);
  assertEquals(report["transactions"], 1);
  const { find, domains } = { find: life.state.find.bind(life.state), domains: life.state.domains };
  assertEquals(find("/local/domain/9/device")!.perms, [permEntry(9, 0), permEntry(2, 3)]);
  assertEquals(life.ask(9, MessageType.READ, "device/vif/state\0"), "READ 4");
  assertEquals(life.ask(0, MessageType.READ, "/local/domain/9/own\0"), "READ kept");
  assert(events.includes("/local/domain/9/device/vif/state"));
  const watches = [...domains.get(9)!.connection!.watches.values()];
  assertEquals(watches.map(({ path, relative, token }) => [path, relative, token]), [
    ["/local/domain/9/device", true, "relative"],
    ["/vm", false, "absolute"],
    ["/local/domain/9/data", false, "own"],
  ]);
  assertEquals(life.ask(9, MessageType.TRANSACTION_END, "T\0", id), "ERROR EAGAIN\0");
  const now = new Set(wholeState(life.state));
  assertEquals(
    others.filter((line) => !now.has(line) && !/\/local(\/domain)? |is child/.test(line)),
    [],
  );
  assertEquals(check(life.state), []);
  assertSurvives(life, hypervisor, `${folder}/copy`);
});

Deno.test("restore --domain: what can't be is refused as a whole", async () => {
  await using world = await makeWorld();
  const { folder, hypervisor, life } = world;
  hypervisor.create(9);
  const many = Array.from(
    { length: 1001 },
    (_, i) => node(`/local/domain/1/n${i}`, "", [permEntry(1, 0)]),
  );
  const file = write(`${folder}/part`, [node("/local/domain/1", "", [permEntry(1, 0)]), ...many]);
  const before = wholeState(life.state);
  for (
    const [mapping, problem] of [
      [{ from: 1, to: 5 }, "there is no domain 5 on this host"],
      [{ from: 2, to: 9 }, "there is nothing of domain 2"],
      [{ from: 1, to: 9 }, "domain 9 would have nodes 1002, its quota is 1000"],
    ] as const
  ) {
    const error = assertThrows(
      () => restore(life, file, { mapping, overQuota: false }),
      RecordError,
    );
    assertStringIncludes(error.message, problem);
  }
  // Being asked about has made domain 9 known, as with any request that names it.
  const added = wholeState(life.state).filter((line) => !before.includes(line));
  assertEquals(added.filter((line) => !line.startsWith("domain 9 ")), []);
});

/** A hypervisor whose guests keep their events, as a daemon takes it. */
class HeardHypervisor extends Hypervisor implements HostedDomains {
  readonly events: string[] = [];

  override open(connection: Connection): number {
    const error = super.open(connection);
    connection.outbox = { reply: () => {}, event: (path) => void this.events.push(path) };
    return error;
  }

  attach(): void {}
  connectExisting(): void {}
  gone(): void {}

  rings(): [] {
    return [];
  }
}

/** The events that guests get when a daemon takes up the store at `path`. */
function eventsOfTakeUp(hypervisor: HeardHypervisor, path: string): readonly string[] {
  const { journal } = openStore(path, { durability: "crash", bootId: "", log: () => {} });
  try {
    const engine = new Engine({ domains: hypervisor, dirty: journal.dirty });
    hypervisor.events.length = 0;
    resumeStore(engine, hypervisor, journal, () => {}, systemClock);
    journal.commit();
    return [...hypervisor.events];
  } finally {
    journal.close();
  }
}

Deno.test("restore: who was not told of the new store before a crash is told after it", async () => {
  await using scratch = await makeScratch();
  const hypervisor = new HeardHypervisor();
  for (const domid of [0, 1]) hypervisor.create(domid);
  const life = new Life(hypervisor, `${scratch.path}/store`);
  life.ask(0, MessageType.INTRODUCE, "1\x001\x005\0");
  fillUp(life);
  const { connection } = life.state.domains.get(1)!;
  life.state.addWatch(connection!, "/local/domain/1/device", "token", true, -1);
  const file = write(`${scratch.path}/dump`, recordsOf(life.state));
  for (let i = 0; i < 500; i++) life.ask(0, MessageType.WRITE, `/bulk/${i}\0another`);
  life.journal.commit();
  const copy = `${scratch.path}/copy`;
  const heard: boolean[] = [];
  const lookAfterDeath = (): void => {
    life.copyFiles(copy);
    const isNew = life.ask(0, MessageType.READ, "/bulk/499\0") === "READ value 499";
    const events = eventsOfTakeUp(hypervisor, copy);
    if (!isNew) return assertEquals(events, []);
    heard.push(events.length > 0);
    // Told once: not again by the daemon after that.
    assertEquals(eventsOfTakeUp(hypervisor, copy), []);
  };
  restore(life, file, { between: lookAfterDeath });
  assert(heard.length > 1 && heard.every((told) => told), `${heard}`);
  assertEquals(eventsOfTakeUp(hypervisor, copy), []);
  lookAfterDeath();
  assertEquals(heard.at(-1), false);
  life.close();
});
