import type { Connection, Domain, Quota, Setting, Special, Transaction, Watch } from "./records.ts";

/** A connection with all that hangs on it. */
export interface Holding {
  readonly record: Connection;
  /** By path, NUL, token, in order of registration. */
  readonly watches: Map<string, Watch>;
  /** Those that are open, by their ids. */
  readonly transactions: Map<number, Transaction>;
}

/**
 * All of a store but its nodes, each thing found by what names it: what recovery is left with when it has
 * read images and turns, what a dump says, what a store is built from.
 */
export class StoreRecords {
  quota: Quota | null = null;
  /** By name. */
  readonly settings: Map<string, Setting> = new Map();
  /** By path. */
  readonly specials: Map<string, Special> = new Map();
  /** By domid. */
  readonly domains: Map<number, Domain> = new Map();
  /** By {@link Connection.id}. */
  readonly connections: Map<number, Holding> = new Map();

  /** The connections that are rings, by their domids. */
  rings(): Map<number, Holding> {
    const rings = new Map<number, Holding>();
    for (const holding of this.connections.values()) {
      const { end } = holding.record;
      if (end.kind === "ring") rings.set(end.domid, holding);
    }
    return rings;
  }

  /** What hangs on all connections together. */
  get held(): { readonly watches: number; readonly transactions: number } {
    let watches = 0, transactions = 0;
    for (const holding of this.connections.values()) {
      watches += holding.watches.size;
      transactions += holding.transactions.size;
    }
    return { watches, transactions };
  }
}

/** What a watch is known by within its connection (xenstore.txt, WATCH). */
export function watchKey(path: string, token: string): string {
  return `${path}\0${token}`;
}
