import { DAEMON } from "../engine/author.ts";
import type { Change as TreeChange, NodeState as TreeNode } from "../store/tree_changes.ts";
import type { Perms } from "../store/perms.ts";
import type { Tally } from "./tally.ts";
import type { Author, Change, Commit, Kind, NodeState } from "./record.ts";

/** A node's state, reused for each record. */
interface State {
  value: NodeState["value"];
  perms: Perms;
}

/** The change of a {@link OneChange}. */
class OnlyChange implements Change {
  path = "";
  old: State | null = null;
  new: State | null = null;
  count = 1;
  first = 0;
  firstAt = 0;
  /** Reused, so that a new record allocates nothing. */
  readonly #old: State = { value: NOTHING, perms: NO_PERMS };
  readonly #new: State = { value: NOTHING, perms: NO_PERMS };

  /** Sets path and states; with `hides` only the lengths of the values stay. */
  set(path: string, old: TreeNode | null, now: TreeNode | null, hides: boolean): void {
    this.path = path;
    this.old = old === null ? null : filled(this.#old, shown(old.value, hides), old.perms);
    this.new = now === null ? null : filled(this.#new, shown(now.value, hides), now.perms);
  }

  setOld(old: NodeState | null): void {
    this.old = old === null ? null : filled(this.#old, old.value, old.perms);
  }

  setNew(now: NodeState | null): void {
    this.new = now === null ? null : filled(this.#new, now.value, now.perms);
  }
}

const NOTHING = new Uint8Array(0);
const NO_PERMS: Perms = [];

function shown(value: Uint8Array, hides: boolean): NodeState["value"] {
  return hides ? { redacted: value.length } : value;
}

function filled(state: State, value: NodeState["value"], perms: Perms): State {
  state.value = value;
  state.perms = perms;
  return state;
}

/** A commit of one change, as most are. It is the only record that is reused: a flood of such commits allocates nothing. */
export class OneChange implements Commit {
  readonly type = "commit";
  number = 0;
  at = 0;
  author: Author = DAEMON;
  kind: Kind = "write";
  operations = 1;
  readonly detail = "";
  readonly moved = 0;
  readonly isKeyframe = false;
  #isHidden: boolean | null = null;
  #rideId = 0;
  #rideSeries = 0;
  #last: OneChange | null = null;
  #placedIn: object | null = null;
  #tally: Tally | null = null;
  #period = -1;
  readonly #change = new OnlyChange();
  readonly changes: readonly [Change] = [this.#change];

  /** Whether a record has one change and nothing else, so that a OneChange can say the same. */
  static is({ changes, detail, isKeyframe, moved }: Commit): boolean {
    return changes.length === 1 && detail === "" && moved === 0 && !isKeyframe;
  }

  /** A copy of such a record. */
  static of(record: Commit): OneChange {
    const copy = new OneChange(), change = copy.#change;
    const { count, first, firstAt, new: now, old, path } = record.changes[0]!;
    copy.#takeHead(record);
    copy.#takeNotes(record);
    change.path = path;
    change.setOld(old);
    change.setNew(now);
    change.count = count;
    change.first = first;
    change.firstAt = firstAt;
    return copy;
  }

  /** Sets the change, after the caller has set number, time, author, kind and operations. */
  tell({ new: now, old, path }: TreeChange, hides: boolean): void {
    const change = this.#change;
    this.#isHidden = hides;
    change.set(path, old, now, hides);
    change.count = 1;
    change.first = this.number;
    change.firstAt = this.at;
  }

  /** Makes the commit that follows a part of it: the same request once more, after which the node is `now`. */
  takeNext(number: number, now: NodeState): void {
    this.number = number;
    this.#change.setNew(now);
    this.#change.count++;
  }

  /** Whether the values at its path are hidden; null if that is unknown. */
  get isHidden(): boolean | null {
    return this.#isHidden;
  }

  /** The id by which later turns of the journal refer to it (ride_bytes.ts); 0 for none in this series. */
  idIn(series: number): number {
    return this.#rideSeries === series ? this.#rideId : 0;
  }

  /** Sets that id; 0 if nothing may refer to it. */
  setId(series: number, id: number): void {
    this.#rideSeries = series;
    this.#rideId = id;
  }

  /** Of a new record: the last one of the same path when it was made, if that had one change, too. */
  get last(): OneChange | null {
    return this.#last;
  }

  set last(last: OneChange | null) {
    this.#last = last;
  }

  /** The places (pending.ts) in which it is the last record of its path; null for none. */
  get placedIn(): object | null {
    return this.#placedIn;
  }

  set placedIn(places: object | null) {
    this.#placedIn = places;
  }

  /** Where the records of its author are counted. */
  get tally(): Tally | null {
    return this.#tally;
  }

  set tally(tally: Tally | null) {
    this.#tally = tally;
  }

  #takeHead({ at, author, kind, number, operations }: Commit): void {
    this.number = number;
    this.at = at;
    this.author = author;
    this.kind = kind;
    this.operations = operations;
  }

  #takeNotes(record: Commit): void {
    if (!(record instanceof OneChange)) return;
    this.#isHidden = record.#isHidden;
    this.#tally = record.#tally;
    if (record.#rideId === 0) return;
    this.#rideId = record.#rideId;
    this.#rideSeries = record.#rideSeries;
  }

  /** Folds a later record of the same author and path into this one, which takes its number and time. */
  absorb(later: Commit): void {
    const { count, new: now } = later.changes[0]!;
    this.#takeHead(later);
    this.#takeNotes(later);
    this.#change.setNew(now);
    this.#change.count += count;
  }

  /** Allows its owner to change it during one period, until the owner shows its records. */
  mayChangeIn(period: number): void {
    this.#period = period;
  }

  changesIn(period: number): boolean {
    return this.#period === period;
  }

  /** Drops all references, so that a spare record keeps no node in memory. */
  clear(): void {
    this.author = DAEMON;
    this.#last = null;
    this.#tally = null;
    this.#rideId = 0;
    this.#change.set("", NO_NODE, NO_NODE, false);
  }
}

const NO_NODE: TreeNode = { value: NOTHING, perms: NO_PERMS };
