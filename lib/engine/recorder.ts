import type { Node } from "../store/node.ts";
import type { Connection } from "./connection.ts";
import type { Domain } from "./domains.ts";
import type { Quotas } from "./quota.ts";
import type { Setting } from "./settings.ts";
import type { Transaction } from "./transaction.ts";
import type { Watch } from "./watch.ts";

/**
 * Told of everything that must survive the process, when it changes: what the journal makes of
 * a turn. Objects are told as they now are; who keeps them for later sees later changes, too.
 */
export interface Recorder {
  /** A node or special that was made or changed; null for one gone with all below it. */
  node(path: string, node: Node | null): void;
  /** A domain that became known, or of which something changed. */
  domain(domain: Domain): void;
  /** A domain that nobody knows any more. */
  domainGone(domid: number): void;
  /** A watch that was registered, or dropped. */
  watch(watch: Watch, registered: boolean): void;
  /** A transaction that started or changed something for the first time (`open`), or ended. */
  transaction(transaction: Transaction, open: boolean): void;
  /** A socket's connection that outlives this process, which came (`open`) or has ended. */
  held(connection: Pick<Connection, "domid" | "key" | "label">, open: boolean): void;
  /** The quotas of domains yet to come. */
  quotas(quotas: Quotas): void;
  /** What CONTROL has set in the daemon; null for what counts no more. */
  setting(name: string, setting: Setting | null): void;
}
