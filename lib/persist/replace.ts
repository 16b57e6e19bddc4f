import { Accounts } from "../engine/accounts.ts";
import { deliver, type DueEvent } from "../engine/events.ts";
import { SPECIAL } from "../engine/dirty.ts";
import { DEFAULT_QUOTAS } from "../engine/domains.ts";
import { quotaName } from "../engine/quota.ts";
import type { State } from "../engine/state.ts";
import { differences, type NodeDifference } from "../store/difference.ts";
import { Draft } from "../store/draft.ts";
import { lookup, subtree } from "../store/lookup.ts";
import { newNode, type Node } from "../store/node.ts";
import { parentPath, ROOT_PATH } from "../store/path.ts";
import { asStale, DOMID_ANY, equalPerms, ownerOf, permDomid, type Perms } from "../store/perms.ts";
import { loadSpecial, RESTORED, uniqueIdOf } from "./build.ts";
import { type PlannedNode, RestoreError, type RestorePlan } from "./plan.ts";

/** Steps between two pauses: some hundred microseconds of work. */
const STEPS_PER_PAUSE = 128;

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
  readonly #plan: RestorePlan;
  readonly #accounts = new Accounts();
  readonly #draft: Draft;
  /** The domids that the plan names, and who held them when it was begun. */
  readonly #holders: ReadonlyMap<number, bigint | null>;
  readonly #base: Node;
  readonly #changed: NodeDifference[] = [];
  /** The tree that was replaced. */
  #before: Node;
  /** The topmost paths at which others changed something before that. */
  #touched: ReadonlySet<string> = new Set();

  constructor(state: State, plan: RestorePlan) {
    this.#state = state;
    this.#plan = plan;
    this.#holders = holders(state, plan);
    const top = plan.nodes.get(ROOT_PATH)!;
    const perms = this.#perms(top);
    const root = newNode("", 0, state.versions.nextEpoch(), perms);
    this.#draft = new Draft(root, state.versions, this.#accounts);
    this.#accounts.charge(ownerOf(perms), 1, 16 + 8 * perms.length + 1);
    for (let i = 1; i < perms.length; i++) this.#accounts.mention(permDomid(perms[i]!), 1);
    this.#base = this.#before = state.tree.snapshot();
  }

  /** How many nodes the store will have, specials apart. */
  get nodes(): number {
    return this.#accounts.total("nodes");
  }

  /**
   * Makes the tree, tells `stage` of it, and finds out what it changes; yields now and then.
   *
   * @throws {RestoreError} when the root itself is a domain's that is not there.
   */
  *prepare(stage: Stage): Generator<void, void> {
    yield* this.#build();
    let steps = 0;
    for (const [path, node] of subtree(this.#draft.root)) {
      stage(path, node);
      if (++steps % STEPS_PER_PAUSE === 0) yield;
    }
    for (const difference of differences(this.#base, this.#draft.root)) {
      if (difference === null) yield;
      else this.#changed.push(difference);
    }
  }

  *#build(): Generator<void, void> {
    let ordinal = 0;
    const draft = this.#draft;
    for (const node of this.#plan.nodes.values()) {
      const { path, value } = node;
      const owner = ownerOf(node.perms);
      if (this.#isGone(owner) && path === ROOT_PATH) {
        throw new RestoreError(`/ belongs to domain ${owner}, which is not there`);
      }
      const generation = this.#state.versions.generation + 1;
      const perms = this.#perms(node);
      const was = { value, perms, generation, ordinal: ++ordinal };
      if (this.#isGone(owner) || !draft.load(path, was, RESTORED)) {
        this.leftOut.set(owner, (this.leftOut.get(owner) ?? 0) + 1);
      }
      if (ordinal % STEPS_PER_PAUSE === 0) yield;
    }
  }

  #isGone(domid: number): boolean {
    return domid !== this.#state.privDomid && this.#holders.get(domid) === null;
  }

  /** Entries that name nobody must never apply to a domain that comes later. */
  #perms({ perms }: PlannedNode): Perms {
    if (!perms.some((entry, i) => i > 0 && this.#isGone(permDomid(entry)))) return perms;
    return perms.map((entry, i) =>
      i > 0 && this.#isGone(permDomid(entry)) ? asStale(entry) : entry
    );
  }

  /** Whether the domains are still those for which the tree was made. */
  get isCurrent(): boolean {
    for (const [domid, uniqueId] of this.#holders) {
      if (holderOf(this.#state, this.#plan, domid) !== uniqueId) return false;
    }
    return true;
  }

  /** Puts the tree in the place of the store's own, in one step; who watches is yet to be told. */
  adopt(): void {
    const state = this.#state, { specials, quota } = this.#plan;
    const before = this.#before = state.tree.root;
    this.#touched = touchedSince(this.#base, before);
    this.#account();
    state.tree.adopt(this.#draft);
    for (const special of specials.values()) this.#special(special);
    if (quota !== null) this.#quotas(quota.domain);
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

  /** The counters of nodes are those of the new tree; all else that is counted stays. */
  #account(): void {
    const state = this.#state;
    const domids = new Set([...state.accounts.domids(), ...this.#accounts.domids()]);
    const rest = accountsWithoutTree(state);
    for (const domid of domids) {
      const account = state.accounts.of(domid);
      const tree = this.#accounts.of(domid), other = rest.of(domid);
      account.add("nodes", tree.now.nodes + other.now.nodes - account.now.nodes);
      account.add("memory", tree.now.memory + other.now.memory - account.now.memory);
    }
    const named = [state.accounts, this.#accounts, rest].flatMap((each) => each.mentioned());
    for (const domid of new Set(named)) {
      const count = this.#accounts.mentionsOf(domid) + rest.mentionsOf(domid);
      state.accounts.setMentions(domid, count);
    }
  }

  #special(planned: PlannedNode): void {
    const state = this.#state, { path } = planned;
    const before = state.specials.get(path);
    if (before === undefined || this.#isGone(ownerOf(planned.perms))) return;
    const perms = this.#perms(planned);
    state.commits?.special(path, before);
    loadSpecial(state, { ...planned, perms });
    state.dirty?.mark(SPECIAL, path);
    if (equalPerms(before.perms, perms)) return;
    const due: DueEvent[] = [];
    state.events.ofChange(state.tree.root, path, before.perms, due, perms);
    deliver(due);
  }

  #quotas(values: ReadonlyMap<string, number>): void {
    const { commits, dirty, domains: { quotas } } = this.#state;
    for (const [text, value] of values) {
      const name = quotaName(text);
      if (name === null) continue;
      const old = quotas.get(name);
      if (old !== value) commits?.note({ kind: "quota", domid: null, name, old, new: value });
      quotas.set(name, value);
    }
    dirty?.mark(DEFAULT_QUOTAS, null);
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

/** Everything that is counted and is no node of the tree. */
function accountsWithoutTree(state: State): Accounts {
  const accounts = new Accounts();
  for (const [path, { perms }] of state.specials) {
    accounts.charge(ownerOf(perms), 1, 16 + 8 * perms.length + path.length);
    for (let i = 1; i < perms.length; i++) accounts.mention(permDomid(perms[i]!), 1);
  }
  for (const { domid, transactions, watches } of state.connections) {
    const account = accounts.of(domid);
    for (const { path, token } of watches.values()) {
      account.add("memory", path.length + token.length);
    }
    for (const { bytesCharged } of transactions.values()) account.add("memory", bytesCharged);
  }
  return accounts;
}

/**
 * Who holds each domid that a plan names: the hypervisor's unique id, or null where nobody does or
 * it is another domain than the stream's (XSA-322).
 */
function holders(state: State, plan: RestorePlan): Map<number, bigint | null> {
  const found = new Map<number, bigint | null>();
  for (const domid of plan.named) {
    if (domid !== DOMID_ANY) found.set(domid, holderOf(state, plan, domid));
  }
  return found;
}

function holderOf(state: State, plan: RestorePlan, domid: number): bigint | null {
  const known = state.domains.know(domid);
  if (known === null) return null;
  const planned = plan.domains.get(domid);
  const wanted = planned === undefined ? null : uniqueIdOf(planned);
  if (domid === state.privDomid || wanted === null) return known.uniqueId;
  return known.uniqueId === wanted ? wanted : null;
}
