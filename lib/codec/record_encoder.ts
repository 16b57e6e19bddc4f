import type * as records from "../state/records.ts";
import { NO_VALUE } from "../store/node.ts";
import type { Perms } from "../store/perms.ts";

/** What an encoder of records has to write, in formats that have one form for nodes of all three kinds. */
export abstract class RecordEncoder {
  /** Domains come before their rings, whose records say things of them. */
  protected readonly domains: Map<number, records.Domain> = new Map();

  /**
   * Appends a record.
   * @throws {StreamError} when a field does not hold what it is to hold; nothing is written then
   */
  put(record: records.StateRecord): void {
    switch (record.kind) {
      case "node":
        return this.node(0, 0, record.path, record.value, 0, record.perms);
      case "special":
        return this.node(0, 0, record.path, NO_VALUE, 0, record.perms);
      case "transaction-node": {
        const { access, connection, path, perms, transaction, value } = record;
        return this.node(connection, transaction, path, value, access, perms);
      }
      case "domain":
        return void this.domains.set(record.domid, record);
      case "watch":
        return this.watch(record);
      case "connection":
        return this.connection(record);
      case "transaction":
        return this.transaction(record);
      case "descriptors":
        return this.descriptors(record);
      case "quota":
        return this.quota(record);
      case "setting":
        return this.setting(record);
    }
  }

  protected abstract node(
    connection: number,
    transaction: number,
    path: string,
    value: Uint8Array,
    access: number,
    perms: Perms,
  ): void;
  protected abstract watch(record: records.Watch): void;
  protected abstract connection(record: records.Connection): void;
  protected abstract transaction(record: records.Transaction): void;
  protected abstract descriptors(record: records.Descriptors): void;
  protected abstract quota(record: records.Quota): void;
  protected abstract setting(record: records.Setting): void;
}
