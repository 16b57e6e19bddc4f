import { MARKS_SCANNED_MAX } from "../limits.ts";
import { DirtyNodes } from "../store/dirty_nodes.ts";
import { type Meter, TEXT_SHIFT } from "./work_meter.ts";

/** About what a record of anything but a node takes, without its texts; in units of the meter. */
const UNITS_PER_RECORD = 10;

/** What a {@link Kind} is made of; without a part it is as for things that are always there. */
interface KindRules<K> {
  /**
   * Asked when a thing is marked for the first time in a turn: whether it came in that turn, so that
   * nothing is known of it, and if it goes in the same turn, nothing need be.
   */
  readonly isNew?: (key: K) => boolean;
  /** Whether such a thing outlives the process; others are not marked. */
  readonly isPersistent?: (key: K) => boolean;
  /** How long its texts are. */
  readonly textLength?: (key: K) => number;
}

let kinds = 0;

/**
 * A kind of thing that outlives the process. Which thing of it one is, its key says: an object that is
 * there anyway, or a name, so that marking makes nothing. Each is declared where its things are.
 */
export class Kind<K> {
  readonly index: number = kinds++;
  readonly isNew: ((key: K) => boolean) | null;
  readonly isPersistent: ((key: K) => boolean) | null;
  readonly textLength: ((key: K) => number) | null;

  constructor({ isNew, isPersistent, textLength }: KindRules<K> = {}) {
    this.isNew = isNew ?? null;
    this.isPersistent = isPersistent ?? null;
    this.textLength = textLength ?? null;
  }
}

/** Specials, by their paths. */
export const SPECIAL: Kind<string> = new Kind();

/** The things of one kind that are marked, in the order in which they first were. */
class Marks<K> {
  readonly #keys: (K | null)[] = [];
  readonly #isNew: boolean[] = [];
  #count = 0;
  /** All of them, once there are more than can be looked through. */
  readonly #all = new Set<K>();

  get size(): number {
    return this.#count;
  }

  /** False where it is there already. */
  has(key: K): boolean {
    if (this.#count > MARKS_SCANNED_MAX) return this.#all.has(key);
    for (let i = 0; i < this.#count; i++) if (this.#keys[i] === key) return true;
    return false;
  }

  /** Adds one that is not there. */
  add(key: K, isNew: boolean): void {
    const at = this.#count++;
    this.#keys[at] = key;
    this.#isNew[at] = isNew;
    if (at < MARKS_SCANNED_MAX) return;
    if (at > MARKS_SCANNED_MAX) this.#all.add(key);
    else for (let i = 0; i <= at; i++) this.#all.add(this.#keys[i]!);
  }

  *keys(): Generator<K, void> {
    for (let i = 0; i < this.#count; i++) yield this.#keys[i]!;
  }

  *[Symbol.iterator](): Generator<readonly [key: K, isNew: boolean], void> {
    for (let i = 0; i < this.#count; i++) yield [this.#keys[i]!, this.#isNew[i]!];
  }

  clear(): void {
    if (this.#count > MARKS_SCANNED_MAX) {
      // A turn that marked very many leaves nothing of that behind.
      this.#keys.length = this.#isNew.length = 0;
      this.#all.clear();
    } else {
      // To set the length would give the room back that the next turn needs.
      for (let i = 0; i < this.#count; i++) this.#keys[i] = null;
    }
    this.#count = 0;
  }
}

/** The things of one kind that are marked; true stands for one that came since the last clear. */
export type Marked<K> = Pick<Marks<K>, "size" | "keys" | typeof Symbol.iterator>;

const NONE = new Marks<never>();

/**
 * The first of the engine's two hooks: what has to survive the process and changed since the last
 * {@link clear}. The journal writes each thing down once, as it is at the end of the turn. What came
 * and went since then leaves nothing. Nodes are marked by the tree (`nodes`), which knows what of
 * them changed; everything else by {@link mark}.
 */
export class Dirty {
  readonly nodes: DirtyNodes = new DirtyNodes();
  /** By the indices of their kinds. */
  readonly #marked: (Marks<unknown> | undefined)[] = [];
  #meter: Meter | null = null;
  #any = false;

  /** From now on `meter` is charged with what it will take to write down what changed. */
  attach(meter: Meter): void {
    this.#meter = meter;
    this.nodes.meter = meter;
  }

  get isEmpty(): boolean {
    return !this.#any && this.nodes.isEmpty;
  }

  /** As in most turns. */
  get isNodesOnly(): boolean {
    return !this.#any;
  }

  /** A thing came, changed, or is gone. */
  mark<K>(kind: Kind<K>, key: K): void {
    const { isPersistent, isNew, textLength } = kind;
    if (isPersistent !== null && !isPersistent(key)) return;
    const marked = this.#marked[kind.index] ??= new Marks<unknown>();
    if (!marked.has(key)) marked.add(key, isNew !== null && isNew(key));
    this.#any = true;
    const length = textLength === null ? 0 : textLength(key);
    this.#meter?.add(UNITS_PER_RECORD + (length >> TEXT_SHIFT));
  }

  /** Those of a kind that are marked; true stands for one that came since the last {@link clear}. */
  marked<K>(kind: Kind<K>): Marked<K> {
    // Only `mark` puts something there, and only keys of that kind.
    return this.#marked[kind.index] as Marked<K> | undefined ?? NONE as Marked<K>;
  }

  /** All of it is written down. */
  clear(): void {
    this.nodes.clear();
    if (!this.#any) return;
    this.#any = false;
    for (const marked of this.#marked) if (marked !== undefined && marked.size > 0) marked.clear();
  }
}
