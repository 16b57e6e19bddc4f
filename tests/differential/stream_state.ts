import type { ConnectionView } from "./generator.ts";
import type { Request } from "../support/raw_client.ts";

/** A transaction that is open on both servers. */
export interface OpenTransaction {
  /** By what number the stream calls it. */
  readonly number: number;
  /** The ids the two servers gave it. */
  readonly ids: readonly [number, number];
  /** The step of its first access to a node: the moment of the snapshot. */
  firstAccess: number | null;
  /** Its successful changes, in order, to be done again outside a transaction. */
  readonly changes: Request[];
}

/** What the harness knows of one connection (the same on both servers). */
export class ConnectionState implements ConnectionView {
  readonly open = new Map<number, OpenTransaction>();
  watches: (readonly [string, string])[] = [];

  get transactions(): readonly number[] {
    return [...this.open.keys()];
  }

  /** RESET_WATCHES drops watches and transactions alike. */
  reset(): void {
    this.open.clear();
    this.watches = [];
  }
}
