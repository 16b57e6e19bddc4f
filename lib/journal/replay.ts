import type { RingState } from "../state/ring_state.ts";
import { connectionOf } from "../state/bare_records.ts";
import type {
  Connection,
  ConnectionEnd,
  Domain,
  HeldSocket,
  Setting,
  Transaction,
} from "../state/records.ts";
import { type Holding, StoreRecords, watchKey } from "../state/store_records.ts";
import { listChildren } from "../store/children.ts";
import type { Draft } from "../store/draft.ts";
import { lookup } from "../store/lookup.ts";
import { NO_VALUE } from "../store/node.ts";
import { isSpecial, ROOT_PATH } from "../store/path.ts";
import { DOMID_MAX } from "../store/perms.ts";
import { type TreeLoader, WHOLE } from "../store/tree_loader.ts";
import { RECORDS_A_LOOK } from "../limits.ts";
import { DamagedError } from "../codec/journal/byte_reader.ts";
import type { ChangeSink, WatchState } from "../codec/journal/changes.ts";
import type { NodeRecord, NodeState } from "../codec/journal/node_record.ts";
import { homePath } from "../wire/home_path.ts";
import { joinBytes } from "../wire/text.ts";

/** Who is named as the last to have changed what was recovered. */
const ORIGIN = { label: "a client before the restart" };

/**
 * Takes changes in, one after the other: nodes go straight into a tree, of all else the records of what it
 * has come to are kept. Connections are known by their keys.
 */
export class Replay implements ChangeSink {
  readonly #all = new StoreRecords();
  readonly #rings = new Map<number, RingState>();
  #staged: NodeState[] = [];
  readonly #tree: Draft;
  readonly #loader: TreeLoader;
  /** A tree was adopted, and not all watchers have heard what that changed. */
  unheard = false;

  #recordsRead = 0;

  /** `progress` is called now and then while records are read. */
  constructor(tree: Draft, private readonly progress: () => void = () => {}) {
    this.#tree = tree;
    if (lookup(tree.root, "/tool") !== null) tree.remove("/tool", ORIGIN);
    this.#loader = tree.loader(ORIGIN);
  }

  end(): void {
    this.#loader.end();
  }

  /** All that has come of the changes but the nodes. To be called once, behind the last change. */
  records(): StoreRecords {
    const { connections, domains } = this.#all;
    for (const { domid, hasRing } of domains.values()) if (hasRing) this.#holding(domid);
    for (const [key, holding] of connections) {
      const { end } = holding.record;
      // What is left of a connection that is gone.
      const isKnown = end.kind === "socket"
        ? end.held !== null
        : domains.get(key)?.hasRing === true;
      if (!isKnown) connections.delete(key);
      else connections.set(key, { ...holding, record: this.#withRing(holding.record) });
    }
    return this.#all;
  }

  #withRing(record: Connection): Connection {
    const ring = this.#rings.get(record.id);
    if (ring === undefined) return record;
    const { ignored, partial, requestsTaken, responses, responsesEnd, unsent } = ring;
    const position = { requestsTaken, responsesEnd, unsent };
    return { ...record, input: partial, output: responses, ignored, position };
  }

  #holding(key: number): Holding {
    const { connections } = this.#all;
    let holding = connections.get(key);
    if (holding === undefined) connections.set(key, holding = newHolding(key, endOf(key)));
    return holding;
  }

  #drop(key: number): void {
    this.#all.connections.delete(key);
    this.#rings.delete(key);
  }

  #look(): void {
    if (++this.#recordsRead % RECORDS_A_LOOK === 0) this.progress();
  }

  node(node: NodeRecord): void {
    this.#look();
    const { bytes, pathEnd, pathStart, shared } = node;
    if (this.#loader.load(bytes, pathStart, pathEnd, node, WHOLE, shared)) return;
    if (isSpecial(node.path)) return this.#special(node);
    throw new DamagedError(`${node.path} has no parent`);
  }

  nodePart(node: NodeRecord): void {
    const { bytes, part, pathEnd, pathStart, shared } = node;
    if (this.#loader.load(bytes, pathStart, pathEnd, node, part, shared)) return;
    throw new DamagedError(`${node.path} is not there`);
  }

  #special({ path, perms, generation }: NodeState): void {
    this.#all.specials.set(path, { kind: "special", path, perms, generation });
  }

  nodeGone(path: string): void {
    this.end();
    if (lookup(this.#tree.root, path) !== null) this.#tree.remove(path, ORIGIN);
  }

  staged(node: NodeState): void {
    // One that came to nothing is followed by the next, from its root on.
    if (node.path === ROOT_PATH) this.#staged = [];
    this.#staged.push(node);
  }

  adopted(): void {
    this.end();
    const tree = this.#tree;
    for (const { name } of listChildren(tree.root.children)) tree.remove(`/${name}`, ORIGIN);
    for (const node of this.#staged) {
      const { path } = node;
      if (isSpecial(path)) this.#special(node);
      else if (!this.#loader.loadPath(path, node)) throw new DamagedError(`${path} has no parent`);
    }
    this.end();
    this.#staged = [];
    this.unheard = true;
  }

  heard(): void {
    this.unheard = false;
  }

  domain(domain: Domain): void {
    this.#all.domains.set(domain.domid, domain);
  }

  domainGone(domid: number): void {
    this.#all.domains.delete(domid);
    this.#drop(domid);
  }

  watch({ depth, key, path, relative, token }: WatchState): void {
    this.#look();
    const { record, watches } = this.#holding(key);
    watches.set(watchKey(path, token), {
      kind: "watch",
      connection: key,
      path: relative ? path.slice(homeLength(record)) : path,
      token,
      depth: depth < 0 ? Infinity : depth,
    });
  }

  unwatch(key: number, path: string, token: string): void {
    this.#holding(key).watches.delete(watchKey(path, token));
  }

  transaction(key: number, id: number, open: Transaction | null): void {
    this.idsGiven(key, id);
    const { transactions } = this.#holding(key);
    if (open === null) transactions.delete(id);
    else transactions.set(id, open);
  }

  idsGiven(key: number, idLast: number): void {
    const holding = this.#holding(key), { record } = holding;
    if (record.transactionIdLast! >= idLast) return;
    const updated = { ...holding, record: { ...record, transactionIdLast: idLast } };
    this.#all.connections.set(key, updated);
  }

  quotas(values: ReadonlyMap<string, number>): void {
    this.#all.quota = { kind: "quota", domain: values, global: new Map() };
  }

  setting(name: string, setting: Setting | null): void {
    const { settings } = this.#all;
    if (setting === null) settings.delete(name);
    else settings.set(name, setting);
  }

  held({ domid, key, label }: HeldSocket): void {
    this.#drop(key);
    const end = { kind: "socket", fd: -1, held: { domid, label } } as const;
    this.#all.connections.set(key, newHolding(key, end));
  }

  heldGone(key: number): void {
    this.#drop(key);
  }

  othersGone(): void {
    const { connections, domains, settings } = this.#all;
    for (const table of [connections, domains, settings, this.#rings]) table.clear();
  }

  ring(ring: RingState): void {
    this.#holding(ring.key);
    const before = this.#rings.get(ring.key);
    this.#rings.set(ring.key, ring.reset || before === undefined ? ring : joined(before, ring));
  }
}

/** How a connection of that key reaches the daemon: a domain's ring, or a held socket. */
function endOf(key: number): ConnectionEnd {
  return key <= DOMID_MAX
    ? { kind: "ring", domid: key, port: 0 }
    : { kind: "socket", fd: -1, held: null };
}

function newHolding(key: number, end: ConnectionEnd): Holding {
  const record = { ...connectionOf(key, end, NO_VALUE, NO_VALUE), transactionIdLast: 0 };
  return { record, watches: new Map(), transactions: new Map() };
}

/** The length of what relative paths of a connection are put behind, with a slash. */
function homeLength({ end }: Connection): number {
  const domid = end.kind === "ring" ? end.domid : end.held?.domid ?? 0;
  return homePath(domid).length + 1;
}

/** A ring's later state, with what is still owed of what came before it. */
export function joined(before: RingState, ring: RingState): RingState {
  const { responses, responsesEnd, unsent } = ring;
  // What is told a second time is not owed a second time.
  const known = before.responsesEnd - responsesEnd + responses.length | 0;
  if (known < 0) return ring;
  const older = before.responses.subarray(0, Math.max(0, before.responses.length - known));
  const keep = Math.max(0, Math.min(older.length, unsent - responses.length));
  if (keep === 0) return ring;
  return { ...ring, responses: joinBytes([older.subarray(older.length - keep), responses]) };
}
