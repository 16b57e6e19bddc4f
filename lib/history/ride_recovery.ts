/** Puts together what rode with the turns of a dead daemon (ride_bytes.ts). */
import { DamagedError } from "../codec/journal/byte_reader.ts";
import type { RidingFrom } from "../journal/rider.ts";
import { isAllInChanges } from "./fold.ts";
import type { History } from "./history.ts";
import { OneChange } from "./one_change.ts";
import {
  type Author,
  type Change,
  type Commit,
  hasKeyframe,
  type HistoryRecord,
  type NodeState,
  sameAuthor,
} from "./record.ts";
import { decodeRide, type Repetition, type Ride } from "./ride_bytes.ts";

/** Finds the present state of a path's node; null where there is none. */
export type FindNode = (path: string) => NodeState | null;

/** What repetitions need of the whole record to which they refer. */
interface Known {
  readonly path: string;
  readonly author: Author;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Repetitions of one record, as one commit of one change. */
class Repeated {
  readonly change: Writable<Change>;
  readonly commit: Writable<Commit>;

  constructor(
    { count, kind, number, operations }: Repetition,
    at: number,
    { author, path }: Known,
    old: NodeState | null,
  ) {
    this.change = { path, old, new: null, count, first: number - count + 1, firstAt: at };
    const common = { type: "commit", detail: "", moved: 0, isKeyframe: false } as const;
    this.commit = { ...common, number, at, author, kind, operations, changes: [this.change] };
  }

  add({ count, kind, number, operations }: Repetition, at: number): void {
    this.change.count += count;
    Object.assign(this.commit, { kind, number, operations, at });
  }

  /** Sets what the last one left; undefined if that is unknown. */
  end(left: NodeState | null | undefined): void {
    this.change.new = left === undefined ? unknown(this.change.old) : left;
  }
}

/** How many turns at least have left nothing for a history. */
export function missingTurns(
  { era }: History,
  { alone, another, last, unread }: RidingFrom,
): number {
  const turn = era.turn ?? 0;
  if (another) return Math.max(1, last - turn);
  return Math.max(0, unread - turn) + alone.filter((one) => one > turn).length;
}

/**
 * Gives `to` the records of all turns. `find` finds in the store what the last repetition of a path left; null if the store has
 * changed since, and the record then has no value.
 *
 * @throws {DamagedError} for bytes that no turn carried.
 */
export function recoverRides(
  rides: Iterable<Uint8Array>,
  to: History,
  find: FindNode | null,
): void {
  const recovery = new Recovery(to);
  for (const bytes of rides) recovery.ride(decodeRide(bytes));
  recovery.end(find);
}

class Recovery {
  /** By their ids; null for a record that nothing refers to. */
  readonly #known = new Map<number, Known | null>();
  /** By path: the last state that a whole record told. */
  readonly #states = new Map<string, NodeState | null>();
  /** By path: repetitions whose last state is not known yet. */
  readonly #repeated = new Map<string, Repeated>();
  #records: HistoryRecord[] = [];
  #last: number;
  /** Whether a series has begun: else what is repeated may have ridden with turns that are not read, as an image has them. */
  #hasBegun = false;

  constructor(private readonly to: History) {
    this.#last = to.last;
  }

  ride({ at, begins, first, firstId, items }: Ride): void {
    const [item] = items;
    this.#hasBegun ||= begins;
    // The records that follow find it missing.
    if (item === undefined || this.#isLost(items)) return;
    const before = ("type" in item && item.type === "gap" ? item.first : first) - 1;
    // Turns carry nothing while a history cannot be used, so the number of their commits is unknown.
    if (before > this.#last && this.#isOfStore) this.#skipTo(before, at);
    if (begins) this.#known.clear();
    let id = firstId;
    for (const item of items) {
      if ("type" in item) this.#whole(item, id++);
      else this.#repeat(item, at);
      this.#last = Math.max(this.#last, item.number);
    }
  }

  /** Whether the history is of this store already: one that begins has nothing of what was before, and misses nothing. */
  get #isOfStore(): boolean {
    return this.#last > 0 || this.to.horizon !== null;
  }

  /** Whether a turn repeats what nobody knows any more, and the history's file does not have it either. */
  #isLost(items: Ride["items"]): boolean {
    return !this.#hasBegun &&
      items.some((item) =>
        !("type" in item) && item.number > this.to.last && !this.#known.has(item.id)
      );
  }

  #skipTo(before: number, at: number): void {
    this.end(null);
    this.to.skipTo(before, at, 0);
    this.#states.clear();
  }

  #whole(record: HistoryRecord, id: number): void {
    if (hasKeyframe(record)) this.#forgetStates();
    this.#records.push(record);
    if (record.type !== "commit") return void this.#known.set(id, null);
    for (const { new: now, old, path } of record.changes) {
      this.#repeated.get(path)?.end(old);
      this.#repeated.delete(path);
      this.#states.set(path, now);
    }
    const { author, changes } = record;
    const mayRepeat = OneChange.is(record) && isAllInChanges(record.kind);
    this.#known.set(id, mayRepeat ? { path: changes[0]!.path, author } : null);
  }

  #repeat(repetition: Repetition, at: number): void {
    const { id, number } = repetition, known = this.#known.get(id) ?? null;
    // The history's file has it already; what it refers to may be gone.
    if (number <= this.to.last) return this.#forgetState(known);
    if (known === null) throw new DamagedError(`there is no record ${id} to repeat`);
    const { author, path } = known, before = this.#repeated.get(path);
    if (before !== undefined && sameAuthor(before.commit.author, author)) {
      return before.add(repetition, at);
    }
    const old = this.#states.get(path);
    const repeated = new Repeated(repetition, at, known, old === undefined ? unknown(null) : old);
    this.#repeated.set(path, repeated);
    this.#records.push(repeated.commit);
  }

  /** A block may end within a turn: then the history's file has one repetition, and not the next, whose old state it was. */
  #forgetState(known: Known | null): void {
    if (known !== null) this.#states.set(known.path, unknown(this.#states.get(known.path) ?? null));
  }

  /** Ends all repetitions; what they left is unknown, since another store takes the place of theirs. */
  #forgetStates(): void {
    for (const repeated of this.#repeated.values()) repeated.end(undefined);
    this.#repeated.clear();
    this.#states.clear();
  }

  end(find: FindNode | null): void {
    if (find !== null) { for (const [path, repeated] of this.#repeated) repeated.end(find(path)); }
    else this.#forgetStates();
    this.#repeated.clear();
    // The parts of a commit have one number, and keep their order.
    this.to.add(this.#records.sort((a, b) => a.number - b.number));
    this.#records = [];
  }
}

/** A node whose value is unknown; its permissions are most likely those that it had. */
function unknown(old: NodeState | null): NodeState {
  return { value: { redacted: 0, isLeftOut: true }, perms: old?.perms ?? [0] };
}
