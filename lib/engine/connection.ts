import { ConnectionBase } from "./connection_base.ts";
import { OpenTransactions } from "./open_transactions.ts";
import type { Transaction } from "./transaction.ts";
import type { Watch } from "./watches.ts";

/** One client: a socket or a domain's ring. Made by {@link Engine.connect}. */
export class Connection extends ConnectionBase {
  /** Keyed by canonical path, NUL, token: the identity of a watch (xenstore.txt, WATCH). */
  readonly watches: Map<string, Watch> = new Map();
  readonly transactions: OpenTransactions<Transaction> = new OpenTransactions();
}
