import { lookup } from "../store/lookup.ts";
import type { Node } from "../store/node.ts";
import { isSpecial, parentPath } from "../store/path.ts";
import { type Perms, READ } from "../store/perms.ts";
import { type Domains, rightsOf } from "./domains.ts";
import { type Meter, WATCH_UNITS } from "./meter.ts";
import { eventPath, type Watch, type Watches } from "./watch.ts";

/** An event that is due, kept until its commit is sure. */
export interface DueEvent {
  readonly watch: Watch;
  readonly path: string;
}

/**
 * Decides who hears of a change: a watcher that can read the node, could read it before, or can
 * read its parent (XSA-115: a name must not leak to whom it is not readable).
 */
export class Events {
  constructor(
    private readonly watches: Watches,
    private readonly domains: Domains,
    private readonly meter: Meter,
  ) {}

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
    const watches = this.watches.at(path);
    if (watches.length === 0) return;
    const perms = isSpecial(path) ? now : lookup(root, path)?.perms ?? null;
    this.#collect(watches, root, path, perms, before, due);
  }

  /** The watches that a change of the node at `path` fires. */
  watchesAt(path: string): readonly Watch[] {
    const watches = this.watches.at(path);
    if (watches.length > 0) this.meter.add(WATCH_UNITS * watches.length);
    return watches;
  }

  /**
   * Events for `watches` of the node at `path`, of which the caller has already found the permissions:
   * those it has now and had before, null where it is not there, and its parent's. `exactly`: only to
   * watches of the node itself.
   */
  ofNode(
    watches: readonly Watch[],
    path: string,
    now: Perms | null,
    before: Perms | null,
    parent: Perms,
    due: DueEvent[],
    exactly: boolean = false,
  ): void {
    for (const watch of watches) {
      if (exactly && watch.path !== path) continue;
      if (this.#mayHear(watch, now, before, parent)) due.push({ watch, path });
    }
  }

  #collect(
    watches: readonly Watch[],
    root: Node,
    path: string,
    now: Perms | null,
    before: Perms | null,
    due: DueEvent[],
  ): void {
    this.meter.add(WATCH_UNITS * watches.length);
    const parent = lookup(root, parentPath(path)) ?? root;
    for (const watch of watches) {
      if (this.#mayHear(watch, now, before, parent.perms)) due.push({ watch, path });
    }
  }

  /** Events of the removal of `path` and all below, seen from the tree that still has it. */
  ofRemoval(root: Node, path: string, due: DueEvent[]): void {
    const node = lookup(root, path);
    if (node === null) return;
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
    isTold: ((path: string) => boolean) | null = null,
  ): void {
    for (const { node: gone, parent, path: below, watches } of this.watches.below(path, node)) {
      this.meter.add(WATCH_UNITS * (2 + watches.length));
      if (isTold !== null && isTold(below)) continue;
      for (const watch of watches) {
        if (this.#mayHear(watch, gone.perms, null, parent.perms)) due.push({ watch, path: below });
      }
    }
  }

  #mayHear(watch: Watch, now: Perms | null, before: Perms | null, parent: Perms): boolean {
    if (watch.connection.privileged) return true;
    return this.#reads(watch, now) || this.#reads(watch, before) || this.#reads(watch, parent);
  }

  #reads(watch: Watch, perms: Perms | null): boolean {
    return perms !== null && (rightsOf(watch.connection, this.domains, perms) & READ) !== 0;
  }

  /** An event of a special: to plain watches on `name`, or to those that ask for the domid. */
  ofSpecial(name: string, perms: Perms, root: Node, domid: number | null): void {
    const due: DueEvent[] = [];
    const path = domid === null ? name : `${name}/${domid}`;
    for (const watch of this.watches.special(name)) {
      if (domid === null ? watch.depth < 0 : watch.depth > 0) due.push({ watch, path });
    }
    if (domid !== null) {
      for (const watch of this.watches.special(path)) due.push({ watch, path });
    }
    deliver(due.filter(({ watch }) => this.#mayHear(watch, perms, null, root.perms)));
  }
}

/** Sends events that are due, in their order. */
export function deliver(due: readonly DueEvent[]): void {
  for (const { watch, path } of due) {
    if (watch.connection.open) watch.connection.outbox.event(eventPath(watch, path), watch.token);
  }
}
