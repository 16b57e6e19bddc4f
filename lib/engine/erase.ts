import { appendChildren } from "../store/children.ts";
import type { Draft } from "../store/draft.ts";
import type { Node } from "../store/node.ts";
import { childPath, parentPath, ROOT_PATH } from "../store/path.ts";
import { ownerOf, permDomid, type Perms, withOwner } from "../store/perms.ts";
import type { Versions } from "../store/versions.ts";
import type { Accounts } from "./accounts.ts";
import type { Commits } from "./commit_listener.ts";
import type { Counters } from "./counters.ts";
import { type Dirty, SPECIAL } from "./dirty.ts";
import type { Domain, Domains } from "./domains.ts";
import { deliver, type DueEvent, type EventReaders } from "./event_readers.ts";
import type { Meter } from "./work_meter.ts";
import { homePath } from "../wire/home_path.ts";

/** What is looked through: of the engine's state what bears on dead domains. */
interface ErasedState {
  readonly privDomid: number;
  readonly keepOrphans: boolean;
  readonly accounts: Accounts;
  readonly commits: Commits | null;
  readonly counters: Counters;
  readonly dirty: Dirty | null;
  readonly domains: Domains;
  readonly events: EventReaders;
  readonly meter: Meter;
  readonly specials: ReadonlyMap<string, Node>;
  readonly tree: Draft;
  readonly versions: Versions;
  find(path: string): Node | null;
  chargeSpecial(path: string, perms: Perms, sign: 1 | -1): void;
  announceRelease(domid: number): void;
  noteDeath(domid: number): void;
}

/** Who is named where a dead domain's nodes are removed. */
const ORIGIN = { label: "the death of their domain" };

/** What a look at a node takes, in units of the meter; changes are counted where they are made. */
const LOOK_UNITS = 15;

/**
 * Removes dead domains from the store: their nodes with all below them, as by RM, and their entries
 * in other nodes' permissions, silently. The next holder of a domid must inherit nothing (XSA-322,
 * XSA-419).
 *
 * That can be long: a store of 100,000 nodes may have to be looked through, and thirty domains may
 * die at once. So it is done in slices, all of the dead in one walk. Until it is done a domain counts as
 * dying: nobody can be introduced with its domid before ({@link finish}), what is
 * made meanwhile inherits nothing that names it, and the journal still knows it, so that the next
 * life of the daemon begins again. The world is told when nothing is left, as by C xenstored.
 */
export class Erasures {
  /** Whose homes have not been looked through. */
  readonly #fresh: Domain[] = [];
  /** Of which something is left outside of their homes. */
  readonly #scattered: Domain[] = [];
  #home: Walk | null = null;
  #all: Walk | null = null;

  constructor(private readonly state: ErasedState) {}

  /** Whether there is something to do. */
  get pending(): boolean {
    return this.state.domains.isAnyDying;
  }

  /** Takes up a domain that has died. */
  add(domain: Domain): void {
    this.#fresh.push(domain);
    this.state.versions.living = (perms) => this.#living(perms);
  }

  /** Goes on for about so many units of work. */
  step(units: number): void {
    const { commits, meter } = this.state;
    const until = meter.units + units;
    const suspended = commits?.suspend();
    while (this.pending && meter.units < until) this.#walk(until);
    if (suspended !== undefined) commits?.resume(suspended, !this.pending);
  }

  /** Does all that must be done before another domain can have the domid. */
  finish(domid: number): void {
    while (this.state.domains.isDying(domid)) this.step(Infinity);
  }

  /** Leaves no domain dying: for who takes the whole state as it is. */
  finishAll(): void {
    this.step(Infinity);
  }

  /** Homes first: most of what a domain leaves behind is there. */
  #walk(until: number): void {
    if (this.#home === null && this.#fresh.length > 0) {
      const domain = this.#fresh.shift()!;
      eraseFromSpecials(this.state, domain.domid);
      this.#home = new Walk(this.state, homePath(domain.domid), [domain]);
    }
    const walk = this.#home ??
      (this.#all ??= new Walk(this.state, ROOT_PATH, this.#scattered.splice(0)));
    walk.goOn(until);
    // When all of the store has been looked through, what still counts was made for nobody.
    this.#complete(walk.dying, walk === this.#all && walk.isOver);
    if (!walk.isOver) return;
    if (walk === this.#all) {
      this.#all = null;
    } else {
      this.#scattered.push(...walk.dying);
      this.#home = null;
    }
  }

  /** The counters tell when there is nothing more to be found. */
  #complete(dying: Domain[], isOver: boolean): void {
    const { accounts, versions, domains } = this.state;
    for (const domain of dying.splice(0)) {
      const { domid, introduced } = domain;
      const left = accounts.mentionsOf(domid);
      if (!isOver && (accounts.of(domid).now.nodes > 0 || left > 0)) {
        dying.push(domain);
        continue;
      }
      domains.forget(domain);
      this.state.commits?.erased(domain);
      accounts.drop(domid);
      this.state.counters.conflicts.drop(domid);
      accounts.setMentions(domid, left);
      if (!this.pending) versions.living = null;
      // Those begun since the death have snapshots in which the domid may still be named.
      this.state.noteDeath(domid);
      if (introduced) this.state.announceRelease(domid);
    }
  }

  /** What a new node inherits: nothing that names the dying. */
  #living(perms: Perms): Perms {
    let living = perms;
    for (const { domid } of this.state.domains.dying()) {
      living = without(living, domid, this.state.privDomid);
    }
    return living;
  }
}

/** Nodes of one parent, of which those before `at` have been looked at. */
interface Siblings {
  /** The parent's path. */
  readonly path: string;
  readonly nodes: readonly Node[];
  at: number;
}

/** A walk through what stands at a path and below it; what is made there meanwhile names none of the dying. */
class Walk {
  readonly #siblings: Siblings[] = [];
  readonly #domids: ReadonlySet<number>;

  /** `dying` loses those of which nothing is left. */
  constructor(private readonly state: ErasedState, top: string, readonly dying: Domain[]) {
    this.#domids = new Set(dying.map(({ domid }) => domid));
    const node = state.find(top);
    if (node !== null) this.#siblings.push({ path: parentPath(top), nodes: [node], at: 0 });
  }

  get isOver(): boolean {
    return this.#siblings.length === 0 || this.dying.length === 0;
  }

  /** Goes on until the meter says `until`, or something has changed. */
  goOn(until: number): void {
    const { meter } = this.state;
    while (!this.isOver && meter.units < until) {
      const siblings = this.#siblings.at(-1)!;
      if (siblings.at === siblings.nodes.length) this.#siblings.pop();
      else if (this.#look(siblings)) return;
    }
  }

  /** Looks at the next of them; true when that changed something. */
  #look(siblings: Siblings): boolean {
    const node = siblings.nodes[siblings.at++]!;
    this.state.meter.add(LOOK_UNITS);
    const isNamed = this.#names(node.perms);
    if (!isNamed && node.children === null) return false;
    const path = node.name === "" ? ROOT_PATH : childPath(siblings.path, node.name);
    if ((!isNamed || this.#erase(path)) && node.children !== null) {
      const nodes: Node[] = [];
      appendChildren(node.children, nodes);
      this.#siblings.push({ path, nodes, at: 0 });
    }
    return isNamed;
  }

  #names(perms: Perms): boolean {
    for (let i = 0; i < perms.length; i++) if (this.#domids.has(permDomid(perms[i]!))) return true;
    return false;
  }

  /** Deals with a node as it now is; false when it is gone with all below. */
  #erase(path: string): boolean {
    const { keepOrphans, privDomid, tree } = this.state;
    const node = this.state.find(path);
    if (node === null) return false;
    const owner = ownerOf(node.perms);
    if (path !== ROOT_PATH && !keepOrphans && this.#domids.has(owner)) {
      removeNode(this.state, path, node);
      return false;
    }
    let { perms } = node;
    for (const domid of this.#domids) perms = without(perms, domid, privDomid);
    if (perms !== node.perms) tree.amendPerms(path, perms);
    return true;
  }
}

function removeNode(state: ErasedState, path: string, node: Node): void {
  const due: DueEvent[] = [];
  state.events.ofRemoval(state.tree.root, path, node, due);
  state.tree.remove(path, ORIGIN);
  deliver(due);
}

/**
 * The permissions without entries for `domid`. The root and the specials, which cannot be
 * removed with their owner, fall to the privileged domain; so do all others, where orphans are kept.
 */
function without(perms: Perms, domid: number, privDomid: number): Perms {
  const remaining = perms.filter((entry, index) => index === 0 || permDomid(entry) !== domid);
  if (ownerOf(perms) === domid) return withOwner(remaining, privDomid);
  return remaining.length === perms.length ? perms : remaining;
}

function eraseFromSpecials(state: ErasedState, domid: number): void {
  for (const [path, node] of state.specials) {
    const perms = without(node.perms, domid, state.privDomid);
    if (perms === node.perms) continue;
    state.chargeSpecial(path, node.perms, -1);
    state.chargeSpecial(path, perms, 1);
    state.commits?.special(path, node);
    node.perms = perms;
    state.dirty?.mark(SPECIAL, path);
  }
}
