import type { RingState } from "../engine/domain_control.ts";
import type { Domain } from "../engine/domains.ts";
import { quotaName } from "../engine/quota.ts";
import type { Setting } from "../engine/settings.ts";
import type { State } from "../engine/state.ts";
import { listChildren } from "../store/children.ts";
import { lookup } from "../store/lookup.ts";
import { newNode } from "../store/node.ts";
import { isSpecial, ROOT_PATH } from "../store/path.ts";
import { type TreeLoader, WHOLE } from "../store/tree_loader.ts";
import { RECORDS_A_LOOK } from "../limits.ts";
import { DamagedError } from "./byte_reader.ts";
import type { ChangeSink, DomainState, HeldState, OpenTransaction, WatchState } from "./changes.ts";
import type { NodeRecord, NodeState } from "./node_record.ts";

/** Who is named as the last to have changed what was recovered. */
const ORIGIN = { label: "somebody before the restart" };

/** What one connection had: a ring, or a held socket. */
export class ConnectionRecord {
  /** Of a held socket. */
  held: HeldState | null = null;
  ring: RingState | null = null;
  readonly watches = new Map<string, WatchState>();
  /** Those that are open, by their ids. */
  readonly transactions = new Map<number, OpenTransaction>();
  transactionIdLast = 0;
}

/**
 * Takes changes into a state that is otherwise fresh: nodes go straight into its tree, all else
 * is kept until the domains can be asked whether they are still there.
 */
export class Restorer implements ChangeSink {
  readonly domains = new Map<number, DomainState>();
  readonly #records = new Map<number, ConnectionRecord>();
  #staged: NodeState[] = [];
  readonly #loader: TreeLoader;
  /** A tree was adopted, and not all watchers have heard what that changed. */
  unheard = false;

  #recordsRead = 0;

  /** `progress` is called now and then while records are read. */
  constructor(private readonly state: State, private readonly progress: () => void = () => {}) {
    for (const path of ["/tool"]) state.tree.remove(path, ORIGIN);
    this.#loader = state.tree.loader(ORIGIN);
  }

  /** What is known of a connection. */
  recordOf(key: number): ConnectionRecord {
    let record = this.#records.get(key);
    if (record === undefined) this.#records.set(key, record = new ConnectionRecord());
    return record;
  }

  /** What is known of all connections, in the order in which they came. */
  get records(): Iterable<ConnectionRecord> {
    return this.#records.values();
  }

  end(): void {
    this.#loader.end();
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
    const { state } = this;
    const before = state.specials.get(path);
    if (before !== undefined) state.chargeSpecial(path, before.perms, -1);
    const node = newNode(path, 0, 0, perms);
    node.generation = generation;
    node.origin = ORIGIN;
    const { versions } = state;
    versions.generation = Math.max(versions.generation, generation);
    state.specials.set(path, node);
    state.chargeSpecial(path, perms, 1);
  }

  nodeGone(path: string): void {
    this.end();
    const { state } = this;
    if (lookup(state.tree.root, path) !== null) state.tree.remove(path, ORIGIN);
  }

  staged(node: NodeState): void {
    // One that came to nothing is followed by the next, from its root on.
    if (node.path === ROOT_PATH) this.#staged = [];
    this.#staged.push(node);
  }

  adopted(): void {
    this.end();
    const { tree } = this.state;
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

  domain(domain: DomainState): void {
    this.domains.set(domain.domid, domain);
  }

  domainGone(domid: number): void {
    this.domains.delete(domid);
    this.#records.delete(domid);
  }

  watch(watch: WatchState): void {
    this.#look();
    this.recordOf(watch.key).watches.set(`${watch.path}\0${watch.token}`, watch);
  }

  unwatch(key: number, path: string, token: string): void {
    this.recordOf(key).watches.delete(`${path}\0${token}`);
  }

  transaction(key: number, id: number, open: OpenTransaction | null): void {
    const record = this.recordOf(key);
    record.transactionIdLast = Math.max(record.transactionIdLast, id);
    if (open === null) record.transactions.delete(id);
    else record.transactions.set(id, open);
  }

  idsGiven(key: number, idLast: number): void {
    const record = this.recordOf(key);
    record.transactionIdLast = Math.max(record.transactionIdLast, idLast);
  }

  quotas(values: ReadonlyMap<string, number>): void {
    setQuotas(this.state.domains, values);
  }

  setting(name: string, setting: Setting | null): void {
    this.state.settings.load(name, setting);
  }

  held(held: HeldState): void {
    this.#records.delete(held.key);
    this.recordOf(held.key).held = held;
  }

  heldGone(key: number): void {
    this.#records.delete(key);
  }

  othersGone(): void {
    this.domains.clear();
    this.#records.clear();
    this.state.settings.clear();
  }

  ring(ring: RingState): void {
    const record = this.recordOf(ring.key);
    record.ring = ring.afresh || record.ring === null ? ring : joined(record.ring, ring);
  }
}

/** Gives quotas the values persisted; names that this version does not know are left out. */
export function setQuotas(of: Pick<Domain, "quotas">, values: ReadonlyMap<string, number>): void {
  for (const [text, value] of values) {
    const name = quotaName(text);
    if (name !== null) of.quotas.set(name, value);
  }
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
  const bytes = new Uint8Array(keep + responses.length);
  bytes.set(older.subarray(older.length - keep));
  bytes.set(responses, keep);
  return { ...ring, responses: bytes };
}
