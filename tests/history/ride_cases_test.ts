/** What rides with single turns while commits are folded, and what the next daemon makes of it. */
import { assert, assertEquals } from "@std/assert";
import { IN_MEMORY } from "../../lib/history/database.ts";
import type { History } from "../../lib/history/history.ts";
import { isLeftOut, type Missing } from "../../lib/history/record.ts";
import { countIn } from "../../lib/history/pending.ts";
import { Moment } from "../../lib/history/moment.ts";
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
import { makeScratch } from "../support/scratch.ts";
import { folded, listed } from "./support.ts";
import { begin, World, writeKeyframe } from "./world.ts";

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
  const number = last - 1, common = { id: idOf(first!), kind: "write", operations: 1 } as const;
  assertEquals(first, { ...common, number, count: 1 });
  assert("type" in second! && second.type === "commit");
  assertEquals(second.changes[0]!.new!.value, { redacted: 6 });
  // What comes again and again within a turn rides as one, and all of it is counted.
  const several = rideOf(["/a/x", "1"], ["/a/x", "2"], ["/a/x", "3"]);
  assertEquals(decodeRide(several).items, [{ ...common, number: number + 4, count: 3 }]);
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

Deno.test("rides: what came between two changes of a path keeps them apart", () => {
  for (const hasAbort of [true, false]) {
    const fast = new Fast(), { dom0 } = fast;
    const id = parseInt(dom0.ask(T.TRANSACTION_START, "\0").split(" ")[1]!);
    dom0.ask(T.READ, "/a/x\0", id);
    dom0.ask(T.WRITE, "/b\0never", id);
    dom0.ask(T.WRITE, "/a/x\0one");
    if (hasAbort) assertEquals(dom0.ask(T.TRANSACTION_END, "T\0", id), "ERROR EAGAIN\0");
    else dom0.ask(T.WRITE, "/made/with/those/above\0");
    dom0.ask(T.WRITE, "/a/x\0two");
    fast.turn();
    assertEquals(fast.isWhole, [false, true, true]);
    fast.check();
  }
});

Deno.test("rides: what is missing is counted, also where several commits ride as one", () => {
  const fast = new Fast(), { dom0 } = fast;
  for (let turns = 0; turns < 3; turns++) {
    for (let i = 0; i < 5; i++) dom0.ask(T.WRITE, `/a/x\0${i}`);
    fast.turn();
  }
  // The last but one is lost: what follows has no history before it, and is a part of the gap.
  fast.carried.splice(-2, 1);
  const next = fast.recovered();
  writeKeyframe(next, fast.world);
  const counts = listed(next).map((one) =>
    one.type === "gap" ? one.missing.reduce((sum, { count }) => sum + count, 0) : countIn(one)
  );
  assertEquals(counts.reduce((sum, count) => sum + count, 0), fast.history.last - 5);
  next.close();
  fast.history.close();
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
  // In turns, so that each is a record.
  for (let i = 0; i <= HISTORY_RIDING_RECORDS_MAX; i++) {
    const path = i % 2 === 0 ? "/a/x" : "/a/y";
    for (const word of ["more", "again"]) fast.dom0.ask(T.WRITE, `${path}\0${i} ${word}`);
  }
  fast.carried.push(fast.rider.take()!.slice());
  const [gap] = decodeRide(fast.carried.at(-1)!).items;
  assert(gap !== undefined && "type" in gap && gap.type === "gap");
  const { number, first } = gap, [{ count }] = gap.missing as [Missing];
  assertEquals([gap.missing.length, count, first], [1, number - first + 1, fast.history.last + 1]);
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
