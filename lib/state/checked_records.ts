import { RECORDS_PER_PAUSE, RESTORE_TEXT_BYTES_MAX } from "../limits.ts";
import { Draft } from "../store/draft.ts";
import type { Ledger } from "../store/ledger.ts";
import { newNode, NO_VALUE, type Origin } from "../store/node.ts";
import { canonicalPath, ROOT_PATH } from "../store/path.ts";
import {
  DOMID_FIRST_RESERVED,
  equalPerms,
  isStale,
  ownerOf,
  permDomid,
  type Perms,
} from "../store/perms.ts";
import type { TreeLoader } from "../store/tree_loader.ts";
import { Versions } from "../store/versions.ts";
import { copyBytes } from "../wire/text.ts";
import { type DomainMapping, mapPath, mapPerms } from "./domain_part.ts";
import type * as records from "./records.ts";
import { ACCESS_READ, ACCESS_WRITTEN } from "./records.ts";
import { type Holding, StoreRecords, watchKey } from "./store_records.ts";

/** Records that say something impossible, or that this store cannot take: nothing was changed. */
export class RecordError extends Error {
  override readonly name = "RecordError";
}

/** Who is named as the last to have changed what was restored. */
export const RESTORED: Origin = { label: "a restored dump" };

/** A node of a domain's part, at the path where it must be. */
export interface PartNode {
  readonly path: string;
  readonly value: Uint8Array;
  readonly perms: Perms;
}

/** What a domain would own, in the units of its quotas. */
export interface Owned {
  nodes: number;
  memory: number;
  /** Size of the biggest node, and entries of the longest list of permissions. */
  biggest: number;
  perms: number;
}

/**
 * Takes records in and checks them against each other, as far as it can be without a store: paths, parents,
 * permissions, domids, ids that are given twice, connections and transactions that are missing. Yields now
 * and then, so that the caller can do other work. With a `mapping` only that domain's part is taken; the
 * tree of a whole store is made for `owner`, or for a store yet to be.
 *
 * @throws {RecordError} that names the first thing that cannot be.
 */
export function* collect(
  all: Iterable<records.StateRecord>,
  mapping: DomainMapping | null = null,
  owner?: TreeOwner,
): Generator<void, CheckedRecords> {
  const collection = new CheckedRecords(mapping, owner);
  let count = 0;
  for (const record of all) {
    collection.take(record);
    if (++count % RECORDS_PER_PAUSE === 0) yield;
  }
  collection.end();
  return collection;
}

/** {@link collect} without pauses. */
export function collectAll(
  all: Iterable<records.StateRecord>,
  mapping: DomainMapping | null = null,
  owner?: TreeOwner,
): CheckedRecords {
  const steps = collect(all, mapping, owner);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Restored nodes are newer than those that every store starts with, and gives up for them. */
const GENERATION_BEFORE = 6;

/** What the nodes cost is counted where they are taken. */
const FREE: Ledger = { charge: () => {}, mention: () => {} };

/** The store that nodes will be versions of, and who counts what they cost. */
export interface TreeOwner {
  readonly versions: Versions;
  readonly ledger: Ledger;
}

/** A tree to load nodes into, by default of no store. */
export function emptyTree({ ledger, versions }: TreeOwner = nobody()): Draft {
  return new Draft(newNode("", 0, versions.nextEpoch(), []), versions, ledger);
}

function nobody(): TreeOwner {
  const versions = new Versions();
  versions.generation = GENERATION_BEFORE;
  return { versions, ledger: FREE };
}

/** Checked records: the nodes of a whole store as a tree, or those of a domain's part as a list. */
export class CheckedRecords extends StoreRecords {
  descriptors: records.Descriptors | null = null;
  /** The nodes of a whole store. */
  readonly tree: Draft;
  /** Those of a domain's part, parents before children. */
  readonly part: PartNode[] = [];
  /** How many there are of either. */
  nodes = 0;
  /** What the nodes add up to, by the domid of their owner. */
  readonly owned: Map<number, Owned> = new Map();
  /** Domids that own a node or a special, or that an entry names which is not stale. */
  readonly named: Set<number> = new Set();
  /** Of a domain's part: how many nodes are not the domain's. */
  others = 0;

  readonly #mapping: DomainMapping | null;
  /** Nodes become versions of a living store, which then counts their generations on. */
  readonly #isOwned: boolean;
  readonly #loader: TreeLoader;
  readonly #partPaths = new Set<string>();
  readonly #ringDomids = new Set<number>();
  /** The permissions of the latest node. */
  #perms: Perms = [];

  constructor(mapping: DomainMapping | null, owner?: TreeOwner) {
    super();
    this.#mapping = mapping;
    this.#isOwned = owner !== undefined;
    this.tree = emptyTree(owner);
    this.#loader = this.tree.loader(RESTORED);
  }

  /** @throws {RecordError} */
  take(record: records.StateRecord): void {
    switch (record.kind) {
      case "node":
        return this.#node(record);
      case "special":
        return this.#special(record);
      case "watch":
        return this.#watch(record);
      case "transaction-node":
        return this.#transactionNode(record);
      case "transaction":
        return this.#transaction(record);
      case "connection":
        return this.#connection(record);
      case "domain":
        this.#checkDomid(record.domid, "a domain");
        this.#checkDomid(record.target ?? 0, `the target of domain ${record.domid}`);
        return addOnce(this.domains, record.domid, record, `domain ${record.domid}`);
      case "setting":
        return addOnce(this.settings, record.name, record, `the setting ${record.name}`);
      case "quota":
        if (this.quota !== null) throw twice("the quotas", "come");
        this.quota = record;
        return;
      case "descriptors":
        if (this.descriptors !== null) throw twice("GLOBAL_DATA");
        this.descriptors = record;
    }
  }

  /**
   * To be called when all records have been taken.
   *
   * @throws {RecordError} when something is missing.
   */
  end(): void {
    this.#loader.end();
    for (const domid of this.#ringDomids) {
      if (!this.domains.has(domid)) {
        throw new RecordError(`domain ${domid} has a ring, but no record`);
      }
    }
    if (this.#mapping !== null) return this.#endPart(this.#mapping);
    if (this.nodes === 0) throw new RecordError("this is not a whole store: it has no nodes");
  }

  #endPart({ from, to }: DomainMapping): void {
    if (this.nodes > 0 || this.domains.has(from)) return;
    const as = from === to ? "" : ` (to become domain ${to})`;
    throw new RecordError(`there is nothing of domain ${from}${as} in it`);
  }

  #node(record: records.Node): void {
    const mapping = this.#mapping;
    const path = mapping === null ? record.path : mapPath(record.path, mapping);
    if (path === null) return void this.others++;
    checkLength("the path", path, path.length);
    checkLength("the value of", path, record.value.length);
    const perms = this.#checkedPerms(path, record.perms);
    // A copy: one node that lives on must not keep the whole file's bytes.
    const value = record.value.length === 0 ? NO_VALUE : copyBytes(record.value, 0);
    if (mapping === null) this.#load(path, value, perms, record);
    else this.#keep({ path, value, perms });
    this.nodes++;
    this.#own(path, value, perms);
  }

  #load(path: string, value: Uint8Array, perms: Perms, record: records.Node): void {
    const loader = this.#loader, { added } = loader;
    const isFirst = this.nodes === 0;
    if (isFirst && path !== ROOT_PATH) throw noWholeStore(checkedPath(path));
    const next = this.#isOwned ? 0 : this.tree.versions.generation + 1;
    const generation = record.generation || next;
    const ordinal = record.ordinal || this.nodes + 1;
    if (!loader.loadPath(path, { value, perms, generation, ordinal })) {
      throw new RecordError(`${checkedPath(path)} comes before its parent`);
    }
    if (!isFirst && loader.added === added) throw twice(path);
  }

  #keep(node: PartNode): void {
    const { path } = node, paths = this.#partPaths;
    if (paths.has(checkedPath(path))) throw twice(path);
    // A domain's part begins below nodes that are not its own.
    if (!isTop(path) && !paths.has(path.slice(0, path.lastIndexOf("/")))) {
      throw new RecordError(`${path} comes before its parent`);
    }
    paths.add(path);
    this.part.push(node);
  }

  #special(record: records.Special): void {
    if (this.#mapping !== null) return void this.others++;
    const path = checkedPath(record.path);
    const perms = this.#checkedPerms(path, record.perms);
    addOnce(this.specials, path, { ...record, perms }, path);
  }

  /** Neighbours often have the same permissions: one list does for all of them. */
  #checkedPerms(path: string, given: Perms): Perms {
    if (given.length === 0) throw new RecordError(`${path} has no permissions`);
    const mapping = this.#mapping;
    const perms = mapping === null ? given : mapPerms(given, mapping);
    if (equalPerms(this.#perms, perms)) return this.#perms;
    for (let i = 0; i < perms.length; i++) {
      if (i === 0 || !isStale(perms[i]!)) this.named.add(permDomid(perms[i]!));
    }
    return this.#perms = perms;
  }

  #own(path: string, value: Uint8Array, perms: Perms): void {
    const owner = ownerOf(perms);
    let sum = this.owned.get(owner);
    if (sum === undefined) {
      this.owned.set(owner, sum = { nodes: 0, memory: 0, biggest: 0, perms: 0 });
    }
    const size = 16 + 8 * perms.length + value.length;
    sum.nodes++;
    sum.memory += size + path.length;
    sum.biggest = Math.max(sum.biggest, size);
    sum.perms = Math.max(sum.perms, perms.length);
  }

  #connection(record: records.Connection): void {
    const { end, id } = record;
    if (id === 0) throw new RecordError("a connection has the number 0, which stands for none");
    const holding = { record, watches: new Map(), transactions: new Map() };
    addOnce(this.connections, id, holding, `connection ${id}`);
    if (end.kind === "socket") return;
    this.#checkDomid(end.domid, "the domain of a ring");
    if (this.#ringDomids.has(end.domid)) {
      throw new RecordError(`domain ${end.domid} has a second ring`);
    }
    this.#ringDomids.add(end.domid);
  }

  #watch(given: records.Watch): void {
    const { path, token } = given;
    const longest = Math.max(path.length, token.length);
    checkLength("the path or token of a watch", path, longest);
    if (canonicalPath(path, "", true) === null) throw new RecordError(`invalid path '${path}'`);
    const { watches } = this.#holding(given.connection);
    const what = `the watch on ${path} with token '${token}'`;
    addOnce(watches, watchKey(path, token), this.#mapped(given), what);
  }

  /** A watch on the domain's own nodes by their whole path follows them. */
  #mapped(record: records.Watch): records.Watch {
    const mapping = this.#mapping;
    const is = mapping === null || mapping.from === mapping.to
      ? null
      : mapPath(record.path, mapping);
    return is === null ? record : { ...record, path: is };
  }

  #transaction(record: records.Transaction): void {
    const { connection, id } = record;
    if (id === 0) throw new RecordError("a transaction has the number 0, which stands for none");
    const { transactions } = this.#holding(connection);
    addOnce(transactions, id, record, `transaction ${id} of connection ${connection}`);
  }

  /** A part may come from where nobody knew the domain. */
  #checkDomid(domid: number, what: string): void {
    if (domid < DOMID_FIRST_RESERVED || this.#mapping !== null) return;
    throw new RecordError(
      `${what} has the domid ${domid}: the last is ${DOMID_FIRST_RESERVED - 1}`,
    );
  }

  /** What a transaction did is not known to this store as its own doing: it is only checked. */
  #transactionNode(record: records.TransactionNode): void {
    const { access, connection, perms, transaction, value } = record;
    const path = checkedPath(record.path);
    if (!this.#holding(connection).transactions.has(transaction)) {
      throw new RecordError(`connection ${connection} has no transaction ${transaction}`);
    }
    if ((access & ~(ACCESS_READ | ACCESS_WRITTEN)) !== 0) {
      throw new RecordError(`a transaction had access ${access} to ${path}: a sum of 1 and 2`);
    }
    if (perms.length === 0 && value.length > 0) {
      throw new RecordError(`${path}, which a transaction removed, has a value`);
    }
  }

  #holding(connection: number): Holding {
    const holding = this.connections.get(connection);
    if (holding !== undefined) return holding;
    throw new RecordError(`there is no connection ${connection}`);
  }
}

function addOnce<K, V>(to: Map<K, V>, key: K, value: V, what: string): void {
  if (to.has(key)) throw twice(what);
  to.set(key, value);
}

function twice(what: string, comes = "comes"): RecordError {
  return new RecordError(`${what} ${comes} a second time`);
}

/** A path whose parent is not the domain's own. */
function isTop(path: string): boolean {
  return /^\/(?:local\/domain|libxl|vm)\/[\w\-@]+$/.test(path);
}

function noWholeStore(first: string): RecordError {
  return new RecordError(
    `this is not a whole store: its first node is ${first}, not /; ` +
      "what was dumped with --domain is restored with --domain",
  );
}

function checkLength(what: string, path: string, bytes: number): void {
  if (bytes <= RESTORE_TEXT_BYTES_MAX) return;
  const shown = path.length > SHOWN_CHARACTERS ? `${path.slice(0, SHOWN_CHARACTERS)}...` : path;
  throw new RecordError(
    `${what} ${shown} has ${bytes} bytes: at most ${RESTORE_TEXT_BYTES_MAX} can be`,
  );
}

const SHOWN_CHARACTERS = 64;

function checkedPath(path: string): string {
  checkLength("the path", path, path.length);
  if (canonicalPath(path, "", true) === path) return path;
  throw new RecordError(
    `invalid path '${path}': names have only A-Z a-z 0-9 - _ @, after one slash`,
  );
}
