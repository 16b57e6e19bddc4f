import { STEPS_PER_PAUSE } from "../limits.ts";
import { Accounts } from "../engine/accounts.ts";
import { deliver, type DueEvent } from "../engine/event_readers.ts";
import { SPECIAL } from "../engine/dirty.ts";
import { DEFAULT_QUOTAS } from "../engine/domains.ts";
import { quotaName } from "../engine/quotas.ts";
import type { State } from "../engine/state.ts";
import { differences, type NodeDifference } from "../store/difference.ts";
import type { Draft } from "../store/draft.ts";
import { lookup, subtree } from "../store/lookup.ts";
import type { Node } from "../store/node.ts";
import { parentPath, ROOT_PATH } from "../store/path.ts";
import { asStale, DOMID_ANY, equalPerms, ownerOf, permDomid, type Perms } from "../store/perms.ts";
import { type CheckedRecords, emptyTree, RecordError, RESTORED } from "../state/checked_records.ts";
import type { Special } from "../state/records.ts";
import { replaceTree } from "./adopt_tree.ts";
import { buildSpecial } from "./build_state.ts";
import { setQuotas } from "./domain_records.ts";

/** Where a tree that is to replace the store's own is written down beforehand. */
export type Stage = (path: string, node: Node) => void;

/**
 * A whole store's nodes, made beside those of a living one in small steps, to take their place in
 * one moment. Clients see nothing of it before {@link adopt}.
 */
export class Replacement {
  /** Nodes left out with the domain that owned them, by domid. */
  readonly leftOut: Map<number, number> = new Map();
  readonly #state: State;
  readonly #all: CheckedRecords;
  readonly #accounts: Accounts;
  readonly #draft: Draft;
  /** Whether all domains are there that the records name: then the tree is right as they made it. */
  readonly #isWhole: boolean;
  /** The domids that the records name, and who held them when it was begun. */
  readonly #holders: ReadonlyMap<number, bigint | null>;
  readonly #base: Node;
  readonly #changed: NodeDifference[] = [];
  /** Of the prepared tree, counted once: its account also counts the specials as soon as it is adopted. */
  #nodes = 0;
  /** The tree that was replaced. */
  #before: Node;
  /** The topmost paths at which others changed something before that. */
  #touched: ReadonlySet<string> = new Set();

  /** The records' tree is one of the state's versions; `counted` has what its nodes cost. */
  constructor(state: State, all: CheckedRecords, counted: Accounts) {
    this.#state = state;
    this.#all = all;
    this.#holders = holders(state, all);
    this.#isWhole = ![...this.#holders.keys()].some((domid) => this.#isGone(domid));
    this.#accounts = this.#isWhole ? counted : new Accounts();
    this.#draft = this.#isWhole
      ? all.tree
      : emptyTree({ versions: state.versions, ledger: this.#accounts });
    this.#base = this.#before = state.tree.snapshot();
  }

  /** How many nodes the restored tree has, specials apart; 0 before it is prepared. */
  get nodes(): number {
    return this.#nodes;
  }

  /**
   * Makes the tree, tells `stage` of it, and finds out what it changes; yields now and then.
   *
   * @throws {RecordError} when the root itself is a domain's that is not there.
   */
  *prepare(stage: Stage): Generator<void, void> {
    if (!this.#isWhole) yield* this.#build();
    const { versions } = this.#state;
    for (const [path, node] of subtree(this.#draft.root)) {
      if (this.#isWhole) node.generation = ++versions.generation;
      stage(path, node);
      if (++this.#nodes % STEPS_PER_PAUSE === 0) yield;
    }
    for (const difference of differences(this.#base, this.#draft.root)) {
      if (difference === null) yield;
      else this.#changed.push(difference);
    }
  }

  /** Makes a tree without what is of domains that are not there. */
  *#build(): Generator<void, void> {
    const loader = this.#draft.loader(RESTORED);
    let ordinal = 0;
    for (const [path, { perms: recorded, value }] of subtree(this.#all.tree.root)) {
      const owner = ownerOf(recorded);
      const isGone = this.#isGone(owner);
      if (isGone && path === ROOT_PATH) {
        throw new RecordError(`/ belongs to domain ${owner}, which is not there`);
      }
      const generation = this.#state.versions.generation + 1;
      const was = { value, perms: this.#perms(recorded), generation, ordinal: ++ordinal };
      if (isGone || !loader.loadPath(path, was)) {
        this.leftOut.set(owner, (this.leftOut.get(owner) ?? 0) + 1);
      }
      if (ordinal % STEPS_PER_PAUSE === 0) yield;
    }
    loader.end();
  }

  #isGone(domid: number): boolean {
    return domid !== this.#state.privDomid && this.#holders.get(domid) === null;
  }

  /** Entries that name nobody must never apply to a domain that comes later. */
  #perms(perms: Perms): Perms {
    if (!perms.some((entry, i) => i > 0 && this.#isGone(permDomid(entry)))) return perms;
    return perms.map((entry, i) =>
      i > 0 && this.#isGone(permDomid(entry)) ? asStale(entry) : entry
    );
  }

  /** Whether the domains are still those for which the tree was made. */
  get isCurrent(): boolean {
    for (const [domid, uniqueId] of this.#holders) {
      if (holderOf(this.#state, this.#all, domid) !== uniqueId) return false;
    }
    return true;
  }

  /** Puts the tree in the place of the store's own, in one step; who watches is yet to be told. */
  adopt(): void {
    const state = this.#state, { specials, quota } = this.#all;
    const before = this.#before = state.tree.root;
    this.#touched = touchedSince(this.#base, before);
    replaceTree(state, this.#draft, this.#accounts);
    for (const special of specials.values()) this.#special(special);
    if (quota === null) return;
    this.#noteQuotas(quota.domain);
    setQuotas(state.domains.quotas, quota.domain);
    state.dirty?.mark(DEFAULT_QUOTAS, null);
  }

  /** Tells the watchers what the adoption changed; yields now and then. */
  *announce(): Generator<void, void> {
    let count = 0;
    for (const difference of this.#differences()) {
      if (++count % STEPS_PER_PAUSE === 0) yield;
      if (difference === null) continue;
      const { events, tree } = this.#state, { path, before, after } = difference;
      const due: DueEvent[] = [];
      const gone = after === null ? lookup(this.#before, path) : null;
      if (gone !== null) events.ofRemoval(this.#before, path, gone, due);
      else if (after !== null) events.ofChange(tree.root, path, before?.perms ?? null, due);
      deliver(due);
    }
  }

  /** What others did between the comparison and the adoption counts, too. */
  *#differences(): Generator<NodeDifference | null, void> {
    const touched = this.#touched;
    for (const difference of this.#changed) {
      const { path } = difference;
      if (touched.size === 0 || !touched.has(path) && !isBelow(touched, path)) yield difference;
    }
    const before = this.#before, after = this.#draft.root;
    for (const path of touched) {
      yield* differences(lookup(before, path), lookup(after, path), path);
    }
  }

  #noteQuotas(values: ReadonlyMap<string, number>): void {
    const { commits, domains: { quotas } } = this.#state;
    for (const [text, value] of commits === null ? [] : values) {
      const name = quotaName(text);
      if (name === null) continue;
      const old = quotas.get(name);
      if (old !== value) commits?.note({ kind: "quota", domid: null, name, old, new: value });
    }
  }

  #special(special: Special): void {
    const state = this.#state, { path } = special;
    const before = state.specials.get(path);
    if (before === undefined || this.#isGone(ownerOf(special.perms))) return;
    const perms = this.#perms(special.perms);
    state.commits?.special(path, before);
    buildSpecial(state, { ...special, perms, generation: 0 });
    state.dirty?.mark(SPECIAL, path);
    if (equalPerms(before.perms, perms)) return;
    const due: DueEvent[] = [];
    state.events.ofChange(state.tree.root, path, before.perms, due, perms);
    deliver(due);
  }
}

/** The topmost paths at which two versions of a tree differ. */
function touchedSince(base: Node, now: Node): Set<string> {
  const touched = new Set<string>();
  for (const difference of differences(base, now)) {
    if (difference !== null) touched.add(difference.path);
  }
  for (const path of [...touched]) if (isBelow(touched, path)) touched.delete(path);
  return touched;
}

function isBelow(paths: ReadonlySet<string>, path: string): boolean {
  for (let above = path; above !== ROOT_PATH;) {
    above = parentPath(above);
    if (paths.has(above)) return true;
  }
  return false;
}

/**
 * Who holds each domid that records name: the hypervisor's unique id, or null where nobody does or
 * it is another domain than the records' (XSA-322).
 */
function holders(state: State, all: CheckedRecords): Map<number, bigint | null> {
  const found = new Map<number, bigint | null>();
  for (const domid of all.named) {
    if (domid !== DOMID_ANY) found.set(domid, holderOf(state, all, domid));
  }
  return found;
}

function holderOf(state: State, all: CheckedRecords, domid: number): bigint | null {
  const known = state.domains.know(domid);
  if (known === null) return null;
  const wanted = all.domains.get(domid)?.uniqueId ?? null;
  if (domid === state.privDomid || wanted === null) return known.uniqueId;
  return known.uniqueId === wanted ? wanted : null;
}
