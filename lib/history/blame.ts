/** Who wrote what a history's store has, or removed what it had. */
import type { History } from "./history.ts";
import type { Between, Moment } from "./moment.ts";
import {
  type BlockFilter,
  having,
  momentAt,
  type Piece,
  readPieces,
  type Steps,
} from "./reading.ts";
import { type Change, type Commit, hasKeyframe, type NodeState, sameNode } from "./record.ts";
import { Scope } from "./scope.ts";

/** Who gave a path what it has, or removed it. */
export interface Blame {
  readonly path: string;
  /** Null: it is not there. */
  readonly node: NodeState | null;
  /** The last commit that changed it; null when that is not in the history. */
  readonly commit: Commit | null;
  /** It is only known that it changed between these. */
  readonly between: Between | null;
}

/**
 * Who wrote each node at and below `top`, as it was after number `number`, in no order; or, with `deleted`, who removed what is
 * gone from there. Null after each piece of the history. Where not all of that moment is known, as the moment that it returns tells, a node
 * may be there that it does not tell of; of one that was there before, it tells who wrote that.
 *
 * @throws {OutsideError} as {@link momentAt}.
 */
export function* blame(
  history: History,
  top: string,
  number: number,
  { deleted = false, recursive = false } = {},
): Generator<Blame | null, Moment, void> {
  const scope = new Scope([top], recursive ? null : 0);
  const moment = yield* momentAt(history, number, scope);
  const wants = (path: string): boolean => scope.has(path);
  const search = new Search(moment, deleted, wants);
  yield* search.begin();
  for (const piece of readPieces(history, havingOrHiding(history, top), true, wants)) {
    if (search.isDone) return moment;
    yield* search.look(piece, number);
    yield null;
  }
  yield* search.rest();
  return moment;
}

/** Where a keyframe had to be written there may be any change. */
function havingOrHiding({ era: { era }, keyframes }: History, top: string): BlockFilter {
  const has = having(top);
  const numbers = keyframes.heads.filter((head) => head.era === era && head.isNeeded)
    .map(({ number }) => number);
  return (head) =>
    has(head) || numbers.some((number) => head.begin <= number && number <= head.last);
}

const PATHS_A_STEP = 1_024;

/** Goes back through records until all that is wanted has been found. */
class Search {
  /** Paths that are there, and whose last change has not been found. */
  readonly #left = new Set<string>();
  /** Paths that are done: they are gone, or may be. */
  readonly #gone = new Set<string>();
  /** The newest record that does not say which paths it changed. */
  #hiding: { readonly commit: Commit | null; readonly between: Between | null } | null = null;

  constructor(
    private readonly moment: Moment,
    private readonly deleted: boolean,
    private readonly wants: (path: string) => boolean,
  ) {}

  /** Takes down what it has to find. */
  *begin(): Steps<void> {
    if (this.deleted) return;
    for (const path of this.moment.nodes.keys()) {
      this.#left.add(path);
      if (this.#left.size % PATHS_A_STEP === 0) yield null;
    }
  }

  get isDone(): boolean {
    return !this.deleted && this.#left.size === 0 && !this.moment.isLost;
  }

  *look({ damage, records }: Piece, number: number): Generator<Blame, void, void> {
    if (damage !== null && damage.head.begin <= number) {
      this.#hide(null, { from: damage.head.first, to: damage.head.last });
    }
    for (const record of records.toReversed()) {
      if (record.number > number) continue;
      if (record.type === "gap") this.#hide(null, { from: record.first, to: record.number });
      if (record.type !== "commit") continue;
      // A start leaves the store as it was.
      if (hasKeyframe(record) && record.kind !== "start") this.#hide(record, null);
      for (const change of record.changes) {
        if (!this.wants(change.path)) continue;
        const found = this.#isNews(change.path)
          ? this.#found(change, record)
          : this.#before(change, record);
        if (found !== null) yield found;
      }
    }
  }

  #hide(commit: Commit | null, between: Between | null): void {
    this.#hiding ??= { commit, between };
  }

  #isNews(path: string): boolean {
    if (!this.deleted) return this.#left.delete(path);
    if (this.moment.nodes.has(path) || this.#gone.has(path)) return false;
    this.#gone.add(path);
    return true;
  }

  /** The last known node of a path that is not known any more; null when the path is known, or had none. */
  #before({ new: node, path }: Change, commit: Commit): Blame | null {
    if (this.deleted || !this.moment.isLost || this.moment.nodes.has(path)) return null;
    if (this.#gone.has(path)) return null;
    this.#gone.add(path);
    return node === null ? null : { path, node, commit, between: this.moment.unknown(path) };
  }

  /** What is not as that change left it was changed by what hides it. */
  #found({ new: now, path }: Change, commit: Commit): Blame {
    const node = this.moment.nodes.get(path) ?? null, unknown = this.moment.unknown(path);
    if (this.#hiding === null || sameNode(node, now)) {
      return { path, node, commit, between: unknown };
    }
    const { between, commit: hiding } = this.#hiding;
    return { path, node, commit: hiding, between: unknown ?? between };
  }

  /** Those that nothing in the history has changed, as far as that shows. */
  *rest(): Generator<Blame, void, void> {
    const { between = null, commit = null } = this.#hiding ?? {};
    for (const path of this.#left) {
      const node = this.moment.nodes.get(path) ?? null;
      yield { path, node, commit, between: this.moment.unknown(path) ?? between };
    }
  }
}
