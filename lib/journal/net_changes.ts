import type { RingState } from "../state/ring_state.ts";
import { watchKey } from "../state/store_records.ts";
import type { Domain, HeldSocket, Setting, Transaction } from "../state/records.ts";
import { PERMS_ONLY } from "../store/tree_loader.ts";
import { ByteWriter } from "../codec/journal/byte_writer.ts";
import * as put from "../codec/journal/changes.ts";
import type { NodeRecord, NodeState } from "../codec/journal/node_record.ts";
import { NodeWriter } from "../codec/journal/node_writer.ts";
import { joined } from "./replay.ts";

/** Something that may be in the store file: how it now is, null for gone. */
interface Net<State> {
  readonly wasThere: boolean;
  readonly now: State | null;
}

/** What became of one connection. */
class ConnectionNet {
  /** All that was known of it before is gone. */
  isCleared = false;
  held: HeldSocket | null = null;
  ring: RingState | null = null;
  readonly watches = new Map<string, Net<put.WatchState>>();
  readonly transactions = new Map<number, Net<Transaction>>();
  idLast = 0;

  /** Whether nothing has to be told of it. */
  get isNothing(): boolean {
    const { held, idLast, isCleared, ring, transactions, watches } = this;
    return !isCleared && held === null && ring === null && idLast === 0 &&
      watches.size === 0 && transactions.size === 0;
  }
}

/**
 * Makes one string of changes of many that does the same: nodes as they were told, and of all else,
 * of which a store that cannot grow has to keep more and more, what has come of it.
 */
export class NetChanges implements put.ChangeSink {
  readonly #to = new ByteWriter(65_536);
  readonly #nodes = new NodeWriter(this.#to);
  readonly #connections = new Map<number, ConnectionNet>();
  readonly #domains = new Map<number, Domain>();
  readonly #domainsGone = new Set<number>();
  readonly #settings = new Map<string, Setting | null>();
  #quotas: ReadonlyMap<string, number> | null = null;
  #othersGone = false;
  /** Bytes of watches, registered and dropped, in what was made. */
  watchBytes = 0;

  /** What it comes to. */
  finish(): Uint8Array<ArrayBuffer> {
    const to = this.#to;
    if (this.#othersGone) put.putOthersGone(to);
    for (const [key, net] of this.#connections) if (net.isCleared) this.#putCleared(key);
    for (const domain of this.#domains.values()) put.putDomain(to, domain);
    if (this.#quotas !== null) put.putQuotas(to, this.#quotas);
    for (const [name, setting] of this.#settings) put.putSetting(to, name, setting);
    for (const [key, net] of this.#connections) this.#putConnection(key, net);
    return to.written;
  }

  #putCleared(key: number): void {
    if (this.#domainsGone.has(key)) put.putDomainGone(this.#to, key);
    else put.putHeldGone(this.#to, key);
  }

  #putConnection(key: number, net: ConnectionNet): void {
    const to = this.#to;
    if (net.held !== null) put.putHeld(to, net.held);
    if (net.idLast > 0) put.putIdsGiven(to, key, net.idLast);
    for (const [id, { now }] of net.transactions) put.putTransaction(to, key, id, now);
    const before = to.length;
    for (const [name, { wasThere, now }] of net.watches) {
      const nul = name.indexOf("\0");
      if (wasThere) put.putUnwatch(to, key, name.slice(0, nul), name.slice(nul + 1));
      if (now !== null) put.putWatch(to, key, now);
    }
    this.watchBytes += to.length - before;
    if (net.ring !== null) put.putRing(to, net.ring);
  }

  #of(key: number): ConnectionNet {
    let net = this.#connections.get(key);
    if (net === undefined) this.#connections.set(key, net = new ConnectionNet());
    return net;
  }

  node(node: NodeRecord): void {
    this.#nodes.whole(node.path, node);
  }

  nodePart(node: NodeRecord): void {
    if (node.part === PERMS_ONLY) this.#nodes.perms(node.path, node);
    else this.#nodes.generation(node.path, node);
  }

  nodeGone(path: string): void {
    put.putNodeGone(this.#to, path);
  }

  staged(node: NodeState): void {
    put.putStaged(this.#to, node.path, node);
  }

  adopted(): void {
    put.putAdopted(this.#to);
  }

  heard(): void {
    put.putHeard(this.#to);
  }

  domain(domain: Domain): void {
    this.#domains.set(domain.domid, domain);
  }

  domainGone(domid: number): void {
    this.#domains.delete(domid);
    this.#domainsGone.add(domid);
    this.#clear(domid);
  }

  held(held: HeldSocket): void {
    const net = new ConnectionNet();
    net.held = held;
    this.#connections.set(held.key, net);
  }

  heldGone(key: number): void {
    // One that came since is not in the file.
    const came = this.#connections.get(key)?.held ?? null;
    if (came === null) this.#clear(key);
    else this.#connections.delete(key);
  }

  #clear(key: number): void {
    const net = new ConnectionNet();
    net.isCleared = true;
    this.#connections.set(key, net);
  }

  watch(watch: put.WatchState): void {
    const { watches } = this.#of(watch.key);
    const name = watchKey(watch.path, watch.token);
    const wasThere = watches.get(name)?.wasThere ?? false;
    // Behind those that came before it, as it now is among the connection's.
    watches.delete(name);
    watches.set(name, { wasThere, now: watch });
  }

  unwatch(key: number, path: string, token: string): void {
    const net = this.#of(key);
    const name = watchKey(path, token);
    const known = net.watches.get(name);
    net.watches.delete(name);
    // One that came since, or with the connection, is not in the file.
    if (known === undefined ? !net.isCleared && net.held === null : known.wasThere) {
      net.watches.set(name, { wasThere: true, now: null });
    }
    if (net.isNothing) this.#connections.delete(key);
  }

  transaction(key: number, id: number, open: Transaction | null): void {
    const net = this.#of(key);
    const known = net.transactions.get(id);
    // What only wrote may have been there before.
    const wasThere = known?.wasThere ?? (open === null || open.wrote);
    net.transactions.delete(id);
    if (open !== null || wasThere) net.transactions.set(id, { wasThere, now: open });
    net.idLast = Math.max(net.idLast, id);
  }

  idsGiven(key: number, idLast: number): void {
    const net = this.#of(key);
    net.idLast = Math.max(net.idLast, idLast);
  }

  quotas(values: ReadonlyMap<string, number>): void {
    this.#quotas = values;
  }

  setting(name: string, setting: Setting | null): void {
    this.#settings.set(name, setting);
  }

  ring(ring: RingState): void {
    const net = this.#of(ring.key);
    const before = net.ring;
    net.ring = before === null || ring.reset
      ? ring
      : { ...joined(before, ring), reset: before.reset };
  }

  /** Of a former version's tail. */
  othersGone(): void {
    this.#othersGone = true;
    this.#connections.clear();
    this.#domains.clear();
    this.#domainsGone.clear();
    this.#settings.clear();
  }

  end(): void {
    // It goes on with the next string.
  }
}
