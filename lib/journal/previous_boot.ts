import type { DomainControl } from "../engine/domain_control.ts";
import { State } from "../engine/state.ts";
import { emptyTree } from "../state/checked_records.ts";
import { Glob } from "../store/glob.ts";
import { lookup, subtree } from "../store/lookup.ts";
import type { Node, Origin } from "../store/node.ts";
import { ownerOf, permDomid, permEntry, type Perms } from "../store/perms.ts";
import { OK } from "../wire/errors.ts";
import type { StoreJournal } from "./store_journal.ts";

/** Nodes that outlive a boot of the host. */
export interface Keep {
  /** Paths with `*` and `?` within a name and `**` for any names; what is below a node is kept with it. */
  readonly globs: readonly string[];
  /** The control domain: no other domain is what it was. */
  readonly domid: number;
}

/** A store as it begins after a boot, with what is kept of the one before. */
export interface NextStoreState {
  readonly state: State;
  readonly nodes: number;
  /** Entries of permissions left out, as they name domains of before. */
  readonly entriesDropped: number;
}

const ORIGIN: Origin = { label: "kept from before the boot" };

/** All domains of before are gone. */
const NO_DOMAINS: DomainControl = {
  info: () => null,
  open: () => OK,
  reset: () => {},
  close: () => {},
};

/**
 * Reads the store of an earlier boot and begins one with what of it must be kept: value and
 * permissions. A node of another domain falls to the control domain, and entries for other domains go:
 * their domids mean other domains by now.
 *
 * @throws {DamagedError} when it cannot be read; its files are left alone then.
 */
export function keepFrom(old: StoreJournal, { domid, globs }: Keep): NextStoreState {
  const before = emptyTree();
  const isEmpty = old.read(before) === null;
  const state = new State({ domains: NO_DOMAINS, privDomid: domid });
  const wanted = globs.map((glob) => new Glob(glob));
  let nodes = 0, entriesDropped = 0;
  for (const [path, node] of isEmpty ? [] : subtree(before.root)) {
    if (!wanted.some((glob) => glob.matches(path))) continue;
    const perms = permsFor(node.perms, domid);
    entriesDropped += node.perms.filter((entry) => permDomid(entry) !== domid).length;
    put(state, path, node, perms);
    nodes++;
  }
  return { state, nodes, entriesDropped };
}

function permsFor(perms: Perms, domid: number): Perms {
  const owner = ownerOf(perms) === domid ? perms[0]! : permEntry(domid, 0);
  return [owner, ...perms.slice(1).filter((entry) => permDomid(entry) === domid)];
}

/** Parents that are not kept are made as any request would make them, without anything in them. */
function put({ privDomid, tree }: State, path: string, { value }: Node, perms: Perms): void {
  const own = [permEntry(privDomid, 0)];
  for (let slash = path.indexOf("/", 1); slash > 0; slash = path.indexOf("/", slash + 1)) {
    const above = path.slice(0, slash);
    if (lookup(tree.root, above) === null) tree.create(above, own, ORIGIN);
  }
  if (lookup(tree.root, path) === null) tree.create(path, perms, ORIGIN);
  else tree.setPerms(path, perms, ORIGIN);
  tree.setValue(path, value, ORIGIN);
}
