/** The daemon's dumps and restores: one at a time, over a connection, given up without a trace. */
import { systemClock } from "../../lib/clock.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { NO_ACTIONS } from "../../lib/engine/daemon_actions.ts";
import type { Connection } from "../../lib/engine/connection.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { NoJournal } from "../../lib/journal/journal.ts";
import { ARCHIVE_IDLE_MS, ARCHIVE_QUEUE_MAX, RESTORE_BYTES_MAX } from "../../lib/limits.ts";
import { decodeStream } from "../../lib/codec/stream.ts";
import { storedBytes } from "../../lib/server/process/give_back_memory.ts";
import { JobQueue } from "../../lib/server/jobs/job_queue.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { Turns } from "../../lib/server/scheduler.ts";
import { PAYLOAD_MAX } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toText } from "../../lib/wire/text.ts";
import { Client } from "../support/engine_client.ts";

/** A daemon without its loop. */
class World {
  readonly log: string[] = [];
  readonly engine: Engine;
  readonly turns: Turns;
  readonly queue: JobQueue;
  readonly client: Client;
  now = 0;

  constructor(nodes: number) {
    const note = (level: string, text: string): void => void this.log.push(`${level}: ${text}`);
    const admin = { ...NO_ACTIONS, archive: null as JobQueue | null };
    const domains = { info: () => null, open: () => 8, reset: () => {}, close: () => {} };
    this.engine = new Engine({ domains, log: note, admin });
    const journal = new NoJournal();
    this.turns = new Turns(this.engine, journal, new Trace(), note);
    this.queue = admin.archive = new JobQueue(
      this.engine.state,
      this.turns,
      journal,
      note,
      systemClock,
    );
    this.client = new Client(this.engine, 0);
    for (let i = 0; i < nodes; i++) this.write(`/bulk/${i}`, "some value");
  }

  get by(): Connection {
    return this.client.connection;
  }

  write(path: string, value: string): void {
    this.client.ask(MessageType.WRITE, `${path}\0${value}`);
  }

  value(path: string): string {
    return toText(this.engine.state.find(path)!.value);
  }

  dump(by = this.by): string {
    return number(this.queue.dump(by, null, this.now));
  }

  restore(bytes: Uint8Array, check = false, by = this.by): string {
    const order = { bytes: bytes.length, mapping: null, check, overQuota: true };
    return number(this.queue.restore(by, order, this.now));
  }

  read(job: string, by = this.by): Uint8Array {
    return this.queue.read(by, job, this.now)!.slice();
  }

  put(job: string, bytes: Uint8Array): string {
    let status = "";
    for (let at = 0; at < bytes.length; at += 4_000) {
      status = this.queue.put(this.by, job, bytes.subarray(at, at + 4_000), this.now)!;
    }
    return status;
  }

  status(job: string, by = this.by): string {
    return this.queue.status(by, job, this.now)!;
  }

  /** All that is left of a dump. */
  readAll(job: string, by = this.by): Uint8Array<ArrayBuffer> {
    const bytes: number[] = [];
    for (let piece = this.read(job, by); piece.length > 0; piece = this.read(job, by)) {
      bytes.push(...piece);
    }
    this.status(job, by);
    return new Uint8Array(bytes);
  }

  /** As long as there is something to do; returns how many turns that took. */
  turnOut(): number {
    let count = 0;
    for (; this.turns.pending || this.turns.lookAt <= this.now; count++) this.turns.turn(this.now);
    return count;
  }

  /** Nothing of a job may be left. */
  assertClean(): void {
    this.turnOut();
    assertEquals(this.queue.busy, false);
    assertEquals(this.engine.state.versions.snapshots.open.length, 0, "a snapshot is still held");
  }
}

function number(reply: string): string {
  assertMatch(reply, /^job \d+$/);
  return reply.slice("job ".length);
}

Deno.test("jobs: a dump is one moment, and made only as far as it is read", () => {
  const world = new World(5_000);
  const job = world.dump();
  const first = world.read(job);
  assertEquals(first.length, PAYLOAD_MAX);
  const [, done] = /^running (\d+) of \d+$/.exec(world.status(job))!;
  assert(Number(done) < 200, `${done} records for one reply`);
  world.turnOut();
  assertMatch(world.status(job), new RegExp(`^running ${done} of `));
  world.write("/bulk/4999", "another");
  const bytes = new Uint8Array([...first, ...world.readAll(job)]);
  const { count, records } = decodeStream(bytes);
  const last = records.find((record) => record.kind === "node" && record.path === "/bulk/4999");
  assert(last?.kind === "node");
  assertEquals(toText(last.value), "some value");
  assertEquals(world.status(job), `done ${count} records, ${bytes.length} bytes`);
  assertEquals(world.read(job).length, 0);
  assertMatch(world.log.join("\n"), /^info: client of 0: dump: \d+ records, \d+ bytes$/);
  world.assertClean();
});

Deno.test("jobs: reading costs its client, as any other work", () => {
  const world = new World(5_000);
  const job = world.dump();
  world.engine.meter.take();
  world.read(job);
  const units = world.engine.meter.take();
  assert(units > 2_000, `${units} units`);
});

Deno.test("jobs: one job at a time, the others in a bounded queue", () => {
  const world = new World(1_000);
  const { queue } = world;
  const jobs = [world.dump()];
  world.read(jobs[0]!);
  for (let i = 0; i < ARCHIVE_QUEUE_MAX; i++) jobs.push(world.dump());
  assertMatch(queue.dump(world.by, null, 0), /^16 dumps and restores wait already \(/);
  jobs.slice(1).forEach((job, i) => assertEquals(world.status(job), `waiting ${i + 1}`));
  // What waits is given nothing, and has no moment yet.
  assertEquals(world.read(jobs[1]!).length, 0);
  assertEquals(world.engine.state.versions.snapshots.open.length, 1);
  assertEquals(queue.cancel(world.by, jobs[2]!, 0), "cancelled");
  world.write("/bulk/0", "later");
  world.readAll(jobs[0]!);
  world.turnOut();
  assertMatch(world.status(jobs[1]!), /^running 0 of /);
  assertEquals(world.status(jobs[3]!), "waiting 1");
  const { records } = decodeStream(world.readAll(jobs[1]!));
  const node = records.find((record) => record.kind === "node" && record.path === "/bulk/0");
  assertEquals(node?.kind === "node" && toText(node.value), "later");
  for (const job of jobs.slice(3)) {
    world.turnOut();
    assert(world.readAll(job).length > 0);
  }
  world.assertClean();
});

Deno.test("jobs: a job is known to its own connection alone", () => {
  const world = new World(100);
  const { queue, engine } = world;
  const other = new Client(engine, 0).connection;
  const job = world.dump();
  for (const by of [other]) {
    assertEquals(queue.status(by, job, 0), null);
    assertEquals(queue.read(by, job, 0), null);
    assertEquals(queue.put(by, job, new Uint8Array(1), 0), null);
    assertEquals(queue.cancel(by, job, 0), null);
  }
  for (const none of ["", "2", "01", "x"]) assertEquals(queue.status(world.by, none, 0), null);
  world.readAll(job);
  world.assertClean();
});

Deno.test("jobs: who disconnects has no jobs any more, running or waiting", () => {
  const world = new World(1_000);
  const { engine, log } = world;
  const other = new Client(engine, 0).connection;
  const running = world.dump(other);
  world.read(running, other);
  world.dump(other);
  const mine = world.dump();
  assertEquals(world.status(mine), "waiting 2");
  engine.disconnect(other);
  world.turnOut();
  assertMatch(world.status(mine), /^running 0 of /);
  assertEquals(
    log.filter((line) => line === "info: client of 0: dump: given up: its client is gone").length,
    2,
  );
  world.readAll(mine);
  world.assertClean();
});

Deno.test("jobs: a client that asks no more is given up in time, and the next one begins", () => {
  const world = new World(1_000);
  const { queue, turns } = world;
  const silent = world.dump();
  world.read(silent);
  world.now = 1_000;
  const mine = world.dump();
  assertEquals(world.status(mine), "waiting 1");
  world.turnOut();
  world.now = ARCHIVE_IDLE_MS - 1;
  assertEquals(world.status(mine), "waiting 1");
  world.turnOut();
  assertEquals(queue.busy, true);
  world.now = ARCHIVE_IDLE_MS;
  assert(turns.lookAt <= world.now, "nobody would look");
  world.turnOut();
  assertMatch(world.status(silent), /^failed its client has not asked for it for 10 s$/);
  assertMatch(world.status(mine), /^running 0 of /);
  world.readAll(mine);
  world.assertClean();
  assertEquals(turns.lookAt, Infinity);
});

Deno.test("jobs: a dump does not keep more in memory than it may", () => {
  const world = new World(2_000);
  const { engine: { state } } = world;
  const job = world.dump();
  world.read(job);
  state.memory.max = state.accounts.cost + 100_000;
  for (let i = 0; i < 2_000; i++) world.write(`/bulk/${i}`, "other data");
  assertEquals(state.versions.snapshots.open.length, 0);
  assertEquals(world.read(job).length, 0);
  assertMatch(world.status(job), /^failed it kept \d+ bytes in memory/);
  assertMatch(world.log.join(), /warning: client of 0: dump: it failed: it kept/);
  world.assertClean();
});

Deno.test("jobs: a restore takes the bytes over the connection, and a dry run says it is one", () => {
  const world = new World(2_000);
  const bytes = world.readAll(world.dump());
  world.turnOut();
  world.write("/bulk/7", "changed");
  const dryRun = world.restore(bytes, true);
  assertEquals(world.status(dryRun), `running 0 of ${bytes.length}`);
  world.put(dryRun, bytes);
  assert(world.turnOut() > 1);
  assertMatch(world.status(dryRun), /^done \{"nodes":/);
  assertEquals(world.value("/bulk/7"), "changed");
  const lines = world.log.splice(0).filter((line) => line.includes("restore"));
  assertEquals(lines.length, 1);
  assertMatch(
    lines[0]!,
    /^info: client of 0: dry run of a restore: nothing is changed; the restore is possible: /,
  );
  const job = world.restore(bytes);
  world.put(job, bytes);
  world.turnOut();
  assertMatch(world.status(job), /^done \{"nodes":/);
  assertEquals(world.value("/bulk/7"), "some value");
  assertMatch(world.log.join("\n"), /the store was replaced .*\n.*client of 0: restore: done: /);
  world.assertClean();
});

Deno.test("jobs: a restore cancelled at any moment is given up, or has taken effect and says so", () => {
  const world = new World(2_000);
  const bytes = world.readAll(world.dump());
  world.turnOut();
  world.client.ask(MessageType.WATCH, "/\0token\0");
  let cancelled = 0, tookEffect = 0;
  for (let turns = -1; tookEffect < 3; turns++) {
    world.write("/bulk/7", "changed");
    const job = world.restore(bytes);
    if (turns < 0) world.put(job, bytes.subarray(0, 5_000));
    else world.put(job, bytes);
    for (let i = 0; i < turns; i++) world.turns.turn(0);
    const root = world.engine.state.tree.root;
    const status = world.queue.cancel(world.by, job, 0)!;
    if (status === "cancelled") {
      assertEquals(world.engine.state.tree.root, root);
      world.turnOut();
      assertEquals([world.value("/bulk/7"), world.status(job)], ["changed", "cancelled"]);
      cancelled++;
    } else {
      assertMatch(status, /^(?:running|done) /);
      assertEquals(world.value("/bulk/7"), "some value");
      world.turnOut();
      assertMatch(world.status(job), /^done /);
      tookEffect++;
    }
    world.assertClean();
  }
  assert(cancelled > 2, `${cancelled} were cancelled`);
});

Deno.test("jobs: a restore whose client is gone changes nothing", () => {
  const world = new World(2_000);
  const bytes = world.readAll(world.dump());
  world.turnOut();
  world.write("/bulk/7", "changed");
  const job = world.restore(bytes);
  world.put(job, bytes);
  world.turns.turn(0);
  world.engine.disconnect(world.by);
  world.turnOut();
  assertEquals(world.value("/bulk/7"), "changed");
  assertMatch(world.log.join("\n"), /restore: given up: its client is gone/);
  assert(!world.log.join().includes("was replaced"));
  world.assertClean();
});

Deno.test("jobs: what cannot be restored says why", () => {
  const world = new World(10);
  const { queue, engine } = world;
  const order = { mapping: null, check: false, overQuota: true };
  const tooLong = queue.restore(world.by, { ...order, bytes: RESTORE_BYTES_MAX + 1 }, 0);
  assertMatch(tooLong, /^1073741825 bytes are too many \(at most /);
  engine.state.memory.max = engine.state.accounts.cost + 1_000;
  const noMemory = queue.restore(world.by, { ...order, bytes: 2_000 }, 0);
  assertMatch(noMemory, /^no memory for 2000 more bytes/);
  engine.state.memory.max = Infinity;
  for (const bytes of [new Uint8Array(0), new TextEncoder().encode("hello")]) {
    const job = world.restore(bytes);
    world.put(job, bytes);
    world.turnOut();
    assertMatch(world.status(job), /^failed .*(?:empty|no migration stream)/);
  }
  const job = world.restore(new Uint8Array(3));
  assertEquals(world.put(job, new Uint8Array(4)), "failed it has more bytes than announced");
  world.assertClean();
});

Deno.test("jobs: a value that no stream can hold fails the dump, not the daemon", () => {
  const world = new World(10);
  world.engine.state.find("/bulk/3")!.value = new Uint8Array(70_000);
  const job = world.dump();
  assertEquals(world.read(job).length, 0);
  assertMatch(world.status(job), /^failed .*65535 at most/);
  world.assertClean();
});

Deno.test("jobs: it is busy until a job's client knows of its end, or does not ask in time", () => {
  for (const asks of [true, false]) {
    const world = new World(10);
    const job = world.dump();
    assert(world.read(job).length > 0);
    world.turnOut();
    assertEquals(world.queue.busy, true);
    if (asks) world.status(job);
    else {
      world.now = ARCHIVE_IDLE_MS;
      world.turnOut();
    }
    assertEquals(world.queue.busy, false);
    assertMatch(world.status(job), /^done /);
    world.assertClean();
  }
});

Deno.test("jobs: while it is held no job of the queue begins", () => {
  const world = new World(10);
  const job = world.dump();
  world.queue.hold(true);
  world.readAll(job);
  const next = world.dump();
  world.turnOut();
  assertEquals([world.queue.busy, world.status(next)], [false, "waiting 0"]);
  world.queue.hold(false);
  world.turnOut();
  assert(world.readAll(next).length > 0);
  world.dump();
  world.queue.close();
  world.assertClean();
});

Deno.test("a job tells what only it keeps in memory, until it ends", () => {
  const world = new World(100);
  const { engine: { state }, queue } = world;
  assertEquals(queue.bytes, 0);
  const job = world.dump();
  assertEquals(queue.bytes, 0, "the store has all of it, too");
  world.client.ask(MessageType.RM, "/bulk\0");
  assert(queue.bytes > 100 * "some value".length, `${queue.bytes} bytes`);
  assertEquals(storedBytes(state), state.accounts.cost + queue.bytes);
  queue.cancel(world.by, job, world.now);
  assertEquals(queue.bytes, 0);
  queue.look(world.now);
  const restore = world.restore(new Uint8Array(10_000));
  queue.put(world.by, restore, new Uint8Array(4_000), world.now);
  assertEquals(queue.bytes, 4_000);
  queue.cancel(world.by, restore, world.now);
  assertEquals(queue.bytes, 0);
});
