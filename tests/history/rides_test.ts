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
import { encodeRecords } from "../../lib/history/record_bytes.ts";
import { decodeRide, type Repetition } from "../../lib/history/ride_bytes.ts";
import type { FindNode } from "../../lib/history/ride_recovery.ts";
import type { HistoryRider } from "../../lib/history/rider.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
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
  /** What the journal has that the history may not have in its file. */
  carried: Uint8Array[] = [];
  /** Whether a turn since the last settling carried nothing. */
  isMissing = false;
  repetitions = 0;
  /** How often several commits were one repetition. */
  several = 0;
  readonly #open = new Map<Client, number>();

  constructor(readonly path: string) {
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
    // A client that has several requests outstanding asks for the same again and again.
    for (let times = random.chance(0.2) ? random.below(6) : 1; times > 0; times--) {
      client.ask(type, type === T.WRITE ? `${path}\0${random.below(1_000)}` : `${path}\0`);
    }
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
    if (isCarried) {
      for (const { count } of repetitionsIn(bytes!)) {
        this.repetitions++;
        if (count > 1) this.several++;
      }
    }
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

function repetitionsIn(bytes: Uint8Array): Repetition[] {
  return decodeRide(bytes).items.filter((item): item is Repetition => !("type" in item));
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
    if (life.isMissing) checkTrue(records, life.world.told);
    else {
      assertEquals(found.last, life.history.last);
      assertEquals(folded(records, life.history), folded(life.world.told, life.history));
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
  let repetitions = 0, several = 0;
  for (const [round, { seed }] of roundsOf(6, 4).entries()) {
    withSeed((random) => {
      const life = new Flooded(`${scratch.path}/${round}`);
      flood(random, life, scratch);
      repetitions += life.repetitions;
      several += life.several;
      life.history.close();
    }, seed);
  }
  assert(repetitions > 1_000, `${repetitions} records were told as repetitions`);
  assert(several > 100, `${several} of them stood for several commits`);
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
