import { lookup, lookupParent } from "../store/lookup.ts";
import type { Node } from "../store/node.ts";
import { isSpecial } from "../store/path.ts";
import { type Perms, READ } from "../store/perms.ts";
import type { Domains } from "./domains.ts";
import { rightsOf } from "./rights.ts";
import { type Meter, WATCH_UNITS } from "./work_meter.ts";
import { EVENTS_PER_REQUEST_MAX } from "../limits.ts";
import type { Connection } from "./connection.ts";
import { eventPath, heardIn, type Listeners, type Watch, type Watches } from "./watches.ts";

/** An event that is due, kept until its commit is sure. */
export interface DueEvent {
  readonly watch: Watch;
  readonly path: string;
}

/**
 * Decides who hears of a change: a watcher that can read the node, could read it before, or can
 * read its parent (XSA-115: a name must not leak to whom it is not readable).
 */
export class EventReaders implements Listeners {
  /** How many events for guests the request under way may still cause. */
  #left = Infinity;
  #isCut = false;
  /** What is asked about: the permissions that the node has, those it had, and its parent's. */
  #now: Perms | null = null;
  #before: Perms | null = null;
  #parent: Perms | null = null;
  /** The tree in which the permissions of the node at `#path` are yet to be found; null for no need. */
  #root: Node | null = null;
  #path = "";

  constructor(
    private readonly watches: Watches,
    private readonly domains: Domains,
    private readonly meter: Meter,
  ) {}

  /** A guest's request begins: what it tells guests is limited. */
  limit(): void {
    this.#left = EVENTS_PER_REQUEST_MAX;
    this.#isCut = false;
  }

  /** It has ended. True if there were more events for guests than it may cause. */
  endLimit(): boolean {
    this.#left = Infinity;
    return this.#isCut;
  }

  /** See {@link Listeners}. Of a guest's request no more guests hear than there may be events for them. */
  hears(connection: Connection, watches: number): boolean {
    this.meter.add(WATCH_UNITS);
    if (connection.privileged) return true;
    if (this.#root !== null) this.#find(this.#root);
    const { domains } = this;
    if (
      !reads(connection, domains, this.#now) && !reads(connection, domains, this.#before) &&
      !reads(connection, domains, this.#parent)
    ) return false;
    if (watches > this.#left) {
      this.#isCut = true;
      return false;
    }
    this.#left -= watches;
    return true;
  }

  #find(root: Node): void {
    const path = this.#path;
    if (isSpecial(path)) this.#parent = root.perms;
    else {
      this.#now = lookup(root, path)?.perms ?? null;
      this.#parent = (lookupParent(root, path) ?? root).perms;
    }
    this.#root = null;
  }

  /**
   * Events of a node created or changed. `before` are its permissions if they were others;
   * `now` those it has, where it is not in the tree (a special).
   */
  ofChange(
    root: Node,
    path: string,
    before: Perms | null,
    due: DueEvent[],
    now: Perms | null = null,
  ): void {
    this.#now = now;
    this.#before = before;
    this.#root = root;
    this.#path = path;
    this.#add(this.watches.at(path, this), path, due);
    // Of a removal it has what is removed, which must not stay until the next change.
    this.#root = null;
  }

  /** Whether a change of the node at `path` fires any watch of any client. */
  isWatched(path: string): boolean {
    return this.watches.isAnyAt(path);
  }

  /**
   * Events of the node at `path`, of which the caller has already found the permissions: those it
   * has now and had before, null where it is not there, and its parent's. `exactly`: only to
   * watches of the node itself.
   */
  ofNode(
    path: string,
    now: Perms | null,
    before: Perms | null,
    parent: Perms,
    due: DueEvent[],
    exactly: boolean = false,
  ): void {
    this.#ask(now, before, parent);
    const watches = this.watches.at(path, this);
    this.#add(exactly ? watches.filter((watch) => watch.path === path) : watches, path, due);
  }

  #ask(now: Perms | null, before: Perms | null, parent: Perms): void {
    this.#now = now;
    this.#before = before;
    this.#parent = parent;
    this.#root = null;
  }

  #add(watches: readonly Watch[], path: string, due: DueEvent[]): void {
    if (watches.length === 0) return;
    this.meter.add(WATCH_UNITS * watches.length);
    for (const watch of watches) due.push({ watch, path });
  }

  /** Events of the removal of `node` at `path` and all below, seen from the tree that still has it. */
  ofRemoval(root: Node, path: string, node: Node, due: DueEvent[]): void {
    this.ofRemovedBelow(path, node, due);
    this.ofChange(root, path, null, due);
  }

  /**
   * Events of what is removed below `node`, which is at `path`: to watches exactly there. Nodes of
   * which `isTold` says that their watchers hear of them otherwise are left out.
   */
  ofRemovedBelow(
    path: string,
    node: Node,
    due: DueEvent[],
    isReported: ((path: string) => boolean) | null = null,
  ): void {
    for (const { groups, node: gone, parent, path: below } of this.watches.below(path, node)) {
      this.meter.add(2 * WATCH_UNITS);
      if (isReported !== null && isReported(below)) continue;
      this.#ask(gone.perms, null, parent.perms);
      this.#add(heardIn(groups, this), below, due);
    }
  }

  /** An event of a special: to plain watches on `name`, or to those that ask for the domid. */
  ofSpecial(name: string, perms: Perms, root: Node, domid: number | null): void {
    this.#ask(perms, null, root.perms);
    const due: DueEvent[] = [];
    const path = domid === null ? name : `${name}/${domid}`;
    for (const watch of this.watches.special(name, this)) {
      if (domid === null ? watch.depth < 0 : watch.depth > 0) due.push({ watch, path });
    }
    if (domid !== null) this.#add(this.watches.special(path, this), path, due);
    deliver(due);
  }
}

function reads(connection: Connection, domains: Domains, perms: Perms | null): boolean {
  return perms !== null && (rightsOf(connection, domains, perms) & READ) !== 0;
}

/** Sends events that are due, in their order. */
export function deliver(due: readonly DueEvent[]): void {
  for (const { watch, path } of due) {
    const { connection } = watch;
    if (!connection.open) continue;
    if (connection.account !== null) connection.account.counts.events++;
    connection.outbox.event(eventPath(watch, path), watch.token);
  }
}
