/** What rides with turns while commits are folded: after a kill the next daemon makes of it what the dead one had. */
import { assert, assertEquals } from "@std/assert";
import { DamagedError } from "../../lib/codec/journal/byte_reader.ts";
import { IN_MEMORY } from "../../lib/history/database.ts";
import type { History } from "../../lib/history/history.ts";
import {
  type Commit,
  type HistoryRecord,
  isLeftOut,
  type NodeState,
} from "../../lib/history/record.ts";
import { Moment } from "../../lib/history/moment.ts";
import { encodeRecords } from "../../lib/history/record_bytes.ts";
import { decodeRide } from "../../lib/history/ride_bytes.ts";
import type { FindNode } from "../../lib/history/ride_recovery.ts";
import type { HistoryRider } from "../../lib/history/rider.ts";
import {
  HISTORY_BLOCK_RECORDS,
  HISTORY_FAST_RECORDS,
  HISTORY_RIDING_RECORDS_MAX,
} from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import type { Client } from "../support/engine_client.ts";
import { type Random, roundsOf, withSeed } from "../support/random.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { folded, listed } from "./support.ts";
import { begin, turn, World, writeKeyframe } from "./world.ts";

const HOT = ["/a/x", "/a/y", "/b", "/c/secret"];

/** A daemon's history, its journal, and all that it was told. */
class Flooded {
  readonly world = new World();
  readonly history: History;
  readonly rider: HistoryRider;
  /** As the recorder told them, by number. */
  readonly told: HistoryRecord[] = [];
  /** What the journal has that the history may not have in its file. */
  carried: Uint8Array[] = [];
  /** Whether a turn since the last settling carried nothing. */
  isMissing = false;
  repetitions = 0;
  readonly #open = new Map<Client, number>();

  constructor(readonly path: string) {
    const { recorder } = this.world, take = recorder.take.bind(recorder);
    recorder.take = () => {
      const records = take();
      // `...` decodes the changes before the clone, since they share buffers.
      this.told.push(...structuredClone(records.map((record) => ({ ...record }))));
      return records;
    };
    ({ history: this.history, rider: this.rider } = begin(this.world, path));
    turn(this.rider);
    writeKeyframe(this.history, this.world);
    this.settle();
  }

  /** Mostly two clients that write the same few paths. */
  step(random: Random): void {
    if (random.chance(0.05)) return this.world.step(random, this.#open);
    const client = this.world.clients[random.below(2)]!, path = random.pick(HOT);
    const type = random.pick([T.WRITE, T.WRITE, T.WRITE, T.MKDIR, T.RM]);
    client.ask(type, type === T.WRITE ? `${path}\0${random.below(1_000)}` : `${path}\0`);
  }

  turn(random: Random): void {
    let bytes = this.rider.take();
    if (random.chance(0.02)) {
      // The journal forgets what it has to make room for this turn.
      this.settle();
      bytes = this.rider.take();
    }
    // There is no space, so the turn goes without it.
    const isCarried = bytes !== null && !random.chance(0.01);
    if (isCarried) this.carried.push(bytes!.slice());
    else if (bytes !== null) this.isMissing = true;
    if (isCarried) this.repetitions += repetitionsIn(bytes!);
    this.rider.committed(isCarried);
  }

  settle(): void {
    this.rider.settle(0);
    this.carried = [];
    this.isMissing = false;
  }

  /** The history of a next daemon whose store has the same nodes. */
  killed(copy: string): History {
    for (const end of ["", "-wal"]) Deno.copyFileSync(this.path + end, copy + end);
    const nodes = this.world.nodes(), next = begin(this.world, copy);
    const find: FindNode = (path) => nodes.get(path) ?? null;
    this.world.recorder.folds = this.history.folds;
    next.rider.recover(this.carried, this.isMissing ? null : find);
    return next.history;
  }
}

function repetitionsIn(bytes: Uint8Array): number {
  return decodeRide(bytes).items.filter((item) => !("type" in item)).length;
}

/** Checks that each record says what the recorder told of its first and its last number, or that this is unknown. */
function checkTrue(records: readonly HistoryRecord[], told: readonly HistoryRecord[]): void {
  const all = new Map<string, { record: Commit; old: NodeState | null; new: NodeState | null }>();
  for (const record of told) {
    if (record.type !== "commit") continue;
    for (const { new: now, old, path } of record.changes) {
      all.set(`${record.number} ${path}`, { record, old, new: now });
    }
  }
  for (const record of records) {
    if (record.type !== "commit") continue;
    for (const { first, new: now, old, path } of record.changes) {
      const begin = all.get(`${first} ${path}`), end = all.get(`${record.number} ${path}`);
      assert(begin !== undefined && end !== undefined, `#${first} to #${record.number}, ${path}`);
      const { author, kind } = end.record;
      assertEquals([record.author, record.kind], [author, kind]);
      if (!isLeftOut(now)) assertEquals(plain(now), plain(end.new));
      if (!isLeftOut(old)) assertEquals(plain(old), plain(begin.old));
    }
  }
}

/** A copy as a plain object. */
function plain(node: NodeState | null): NodeState | null {
  return node === null ? null : { value: node.value, perms: [...node.perms] };
}

function flood(random: Random, life: Flooded, scratch: Scratch): void {
  for (let turns = 0; turns < 400; turns++) {
    for (let steps = random.below(9); steps > 0; steps--) life.step(random);
    life.turn(random);
    if (random.chance(0.01)) life.settle();
    // A query reads the records, which must not change any more.
    if (random.chance(0.01)) life.history.latest.length;
    if (random.chance(0.003)) life.history.save();
    if (random.chance(0.005)) writeKeyframe(life.history, life.world);
    if (random.chance(0.97)) continue;
    const found = life.killed(`${scratch.path}/copy`), records = listed(found);
    if (life.isMissing) checkTrue(records, life.told);
    else {
      assertEquals(found.last, life.history.last);
      assertEquals(folded(records, life.history), folded(life.told, life.history));
      assert(found.era.completeAfter >= lastFolded(records), "it says what is folded");
      assert(!found.needsKeyframe, "there is no gap");
    }
    found.close();
  }
}

function lastFolded(records: readonly HistoryRecord[]): number {
  const all = records.filter((one) => one.type === "commit" && one.changes[0]?.count! > 1);
  return Math.max(0, ...all.map(({ number }) => number));
}

Deno.test("rides: after a kill the history has what the daemon had, folded or not", async () => {
  await using scratch = await makeScratch();
  let repetitions = 0;
  for (const [round, { seed }] of roundsOf(6, 4).entries()) {
    withSeed((random) => {
      const life = new Flooded(`${scratch.path}/${round}`);
      flood(random, life, scratch);
      repetitions += life.repetitions;
      life.history.close();
    }, seed);
  }
  assert(repetitions > 1_000, `${repetitions} records were told as repetitions`);
});

Deno.test("rides: of a repetition only its record is named, and never of a hidden path", () => {
  const world = new World(), [dom0] = world.clients as [Client];
  const { history, rider } = begin(world, IN_MEMORY), fast = HISTORY_FAST_RECORDS;
  const rideOf = (...requests: [path: string, value: string][]): Uint8Array => {
    for (const [path, value] of requests) dom0.ask(T.WRITE, `${path}\0${value}`);
    const bytes = rider.take()!.slice();
    rider.committed(true);
    return bytes;
  };
  rideOf(["/a/x", "1"], ["/c/secret", "1"]);
  for (let i = 0; i < fast; i++) rideOf(["/a/x", `${i}`], ["/c/secret", `${i}`]);
  const { items, ...head } = decodeRide(rideOf(["/a/x", "new"], ["/c/secret", "hidden"]));
  const [first, second] = items, { last } = history;
  assertEquals(head.begins, false);
  assertEquals(first, { id: idOf(first!), number: last - 1, kind: "write", operations: 1 });
  assert("type" in second! && second.type === "commit");
  assertEquals(second.changes[0]!.new!.value, { redacted: 6 });
  const bytes = rideOf(["/a/x", "new"]);
  assert(bytes.length < 32, `a turn's ride has ${bytes.length} bytes`);
  // Once the history has it all, nothing is built on what the journal had.
  rider.settle(1);
  const whole = decodeRide(rideOf(["/a/x", "newer"]));
  assertEquals([whole.begins, whole.firstId, whole.items.map((item) => "type" in item)], [
    true,
    1,
    [true],
  ]);
  history.close();
});

function idOf(item: object): number {
  return "id" in item ? item.id as number : 0;
}

/** A history with what the journal carries. Its first client has written a path so often that further writes are folded. */
class Fast {
  readonly world = new World();
  readonly carried: Uint8Array[] = [];
  readonly history: History;
  readonly rider: HistoryRider;
  readonly dom0: Client;

  constructor(path = IN_MEMORY) {
    ({ history: this.history, rider: this.rider } = begin(this.world, path));
    this.dom0 = this.world.clients[0]!;
    this.turn();
    for (let i = 0; i <= HISTORY_FAST_RECORDS; i++) {
      this.dom0.ask(T.WRITE, `/a/x\0${i}`);
      this.turn();
    }
  }

  turn(isCarried = true): void {
    const bytes = this.rider.take()!.slice();
    if (isCarried) this.carried.push(bytes);
    this.rider.committed(isCarried);
  }

  /** Whether each record of the last turn rides whole. */
  get isWhole(): readonly boolean[] {
    return decodeRide(this.carried.at(-1)!).items.map((item) => "type" in item);
  }

  /** The history of the next daemon. */
  recovered(find: FindNode = () => null, alone: number[] = [], path = IN_MEMORY): History {
    const { history, rider } = begin(this.world, path);
    rider.begin({ last: 9, unread: 0, alone, another: false, mark: 0 }, this.carried, find);
    return history;
  }

  /** Checks that the next daemon's history says the same. */
  check(find?: FindNode): void {
    const next = this.recovered(find), { history } = this;
    assertEquals(folded(listed(next), history), folded(listed(history), history));
    next.close();
    history.close();
  }
}

Deno.test("rides: what is left of a path that another author changed meanwhile is told by that", () => {
  const fast = new Fast(), { dom0, world } = fast;
  // One turn with all of these: the first is a repetition, and the others are not.
  dom0.ask(T.WRITE, "/a/x\0mine");
  world.clients[2]!.ask(T.WRITE, "/a/x\0guest's");
  dom0.ask(T.WRITE, "/a/x\0mine again");
  dom0.ask(T.RM, "/a/x\0");
  fast.turn();
  assertEquals(fast.isWhole, [false, true, true, true]);
  fast.check();
});

Deno.test("rides: nothing is repeated behind a commit of several changes in the same turn", () => {
  const fast = new Fast(), { dom0, world } = fast;
  const id = parseInt(dom0.ask(T.TRANSACTION_START, "\0").split(" ")[1]!);
  for (const path of ["/a/x", "/a/y"]) dom0.ask(T.WRITE, `${path}\0both`, id);
  assertEquals(dom0.ask(T.TRANSACTION_END, "T\0", id), "TRANSACTION_END OK\0");
  dom0.ask(T.WRITE, "/a/x\0alone");
  fast.turn();
  assertEquals(fast.isWhole, [true, true]);
  const nodes = world.nodes();
  fast.check((path) => nodes.get(path) ?? null);
});

Deno.test("rides: what was forgotten although it could not be saved is not repeated", () => {
  const fast = new Fast(), { commit } = fast.history;
  fast.history.commit = () => false;
  fast.rider.settle(1);
  fast.history.commit = commit;
  fast.dom0.ask(T.WRITE, "/a/x\0more");
  fast.turn();
  assertEquals([decodeRide(fast.carried.at(-1)!).begins, fast.isWhole], [true, [true]]);
  fast.history.close();
});

function leftAt(history: History, path: string): unknown[] {
  const changes = listed(history).flatMap((one) => one.type === "commit" ? one.changes : []);
  const folded = changes.filter((change) => change.path === path && change.count > 1);
  return folded.map((change) => change.new?.value);
}

Deno.test("rides: where turns are missing, what the store has now is not taken for what it had", () => {
  const now = { value: new Uint8Array([1]), perms: [0] };
  const unknown = { redacted: 0, isLeftOut: true };
  for (const [alone, expected] of [[[], now.value], [[9], unknown]] as const) {
    const fast = new Fast();
    fast.rider.settle(1);
    fast.carried.length = 0;
    for (const value of ["a", "b", "c"]) {
      fast.dom0.ask(T.WRITE, `/a/x\0${value}`);
      fast.turn();
    }
    const next = fast.recovered(() => now, [...alone]), { number } = listed(fast.history).at(-1)!;
    assertEquals(leftAt(next, "/a/x"), [expected]);
    const moment = new Moment(number, [], []);
    for (const record of listed(next)) if (!moment.add(record)) break;
    const between = alone.length === 0 ? null : { from: number - 1, to: Infinity };
    assertEquals([moment.unknown("/a/x"), moment.unknown("/b")], [between, null]);
    fast.history.close();
  }
});

Deno.test("rides: before a turn of too many commits for the journal, all is saved that was folded", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/history`, fast = new Fast(path);
  for (let i = 0; i <= HISTORY_RIDING_RECORDS_MAX; i++) fast.dom0.ask(T.WRITE, `/a/x\0${i} more`);
  fast.carried.push(fast.rider.take()!.slice());
  for (const end of ["", "-wal"]) Deno.copyFileSync(path + end, `${path}-copy${end}`);
  const next = fast.recovered(() => null, [], `${path}-copy`);
  assertEquals(leftAt(next, "/a/x"), [toBytes(`${HISTORY_FAST_RECORDS}`)]);
  next.close();
  fast.history.close();
});

Deno.test("rides: of a block that ends within a turn, no later record tells an older value", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/history`, fast = new Fast(path), { dom0 } = fast;
  dom0.ask(T.WRITE, "/a/x\0before the end");
  for (let i = 0; i < HISTORY_BLOCK_RECORDS - HISTORY_FAST_RECORDS; i++) {
    dom0.ask(T.WRITE, `/a/${i}\0new`);
  }
  dom0.ask(T.WRITE, "/a/x\0behind it");
  fast.turn();
  assertEquals([fast.isWhole.at(0), fast.isWhole.at(-1)], [false, false]);
  for (const end of ["", "-wal"]) Deno.copyFileSync(path + end, `${path}-copy${end}`);
  const { history, rider } = begin(fast.world, `${path}-copy`);
  assert(history.last > 0 && history.last < fast.history.last, "a part of the turn is in the file");
  const now = { value: toBytes("behind it"), perms: [0] };
  rider.recover(fast.carried, () => now);
  const [change] = listed(history).flatMap((one) => one.type === "commit" ? one.changes : [])
    .slice(-1);
  assertEquals([change!.path, change!.new!.value], ["/a/x", now.value]);
  assert(isLeftOut(change!.old), `it was ${change!.old!.value}`);
  history.close();
  fast.history.close();
});

Deno.test("rides: what repeats a turn that is not read, and was not saved, is a gap", () => {
  const fast = new Fast(), { history: { last } } = fast;
  // An image has all turns until now, and there was no space for the history's file.
  fast.carried.length = 0;
  fast.dom0.ask(T.WRITE, "/a/x\0new");
  fast.turn();
  assertEquals(fast.isWhole, [false]);
  const { history, rider } = begin(fast.world, IN_MEMORY);
  const from = { last: 9, unread: 7, alone: [], another: false, mark: last + 1 };
  rider.begin(from, fast.carried, () => null);
  assertEquals([history.last > last, history.needsKeyframe], [true, true]);
  history.close();
  fast.history.close();
});

Deno.test("rides: records that an older version carried are read", () => {
  const world = new World(), records = world.recorder.take();
  const { history, rider } = begin(world, IN_MEMORY);
  rider.recover([encodeRecords(records).slice()], null);
  assertEquals(history.last, world.recorder.last);
  history.close();
});

Deno.test("rides: other bytes are damage, and nothing else happens", async () => {
  await using scratch = await makeScratch();
  for (const { seed } of roundsOf(3, 2)) {
    withSeed((random) => {
      const life = new Flooded(`${scratch.path}/${seed}`);
      for (let turns = 0; turns < 200; turns++) {
        for (let steps = 0; steps < 6; steps++) life.step(random);
        life.turn(random);
      }
      const world = new World();
      for (let i = 0; i < 60; i++) {
        const rides = life.carried.map((bytes) => bytes.slice()), ride = random.pick(rides);
        ride[random.below(ride.length)] = random.below(256);
        if (random.chance(0.3)) rides.splice(random.below(rides.length), 1);
        const { history, rider } = begin(world, IN_MEMORY);
        try {
          rider.recover(rides, null);
        } catch (error) {
          assert(error instanceof DamagedError, `${error}`);
        }
        history.close();
      }
      life.history.close();
    }, seed);
  }
});
