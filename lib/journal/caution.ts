import type { State } from "../engine/state.ts";
import type { Connection } from "../engine/connection.ts";
import { watchOverhead } from "../engine/memory_model.ts";
import { WATCH, type Watch } from "../engine/watch.ts";
import type { WatchState } from "./changes.ts";
import type { ConnectionRecord } from "./restore.ts";

/** How a recovery goes where the lives before it may have died for want of memory. */
export interface Caution {
  /** Called now and then while records are read. */
  progress(): void;
  /**
   * Bytes of one guest's watches and unsent answers beyond which they are set aside, by the memory
   * model; Infinity for never.
   */
  readonly asideBytes: number;
}

/** What of a guest was set aside. */
export interface Aside {
  readonly connection: Connection;
  readonly watches: ReadonlyMap<string, WatchState>;
  readonly transactions: number;
  readonly bytes: number;
}

/** What a guest's watches and unsent answers would take. */
export function recordBytes({ ring, watches }: ConnectionRecord): number {
  let bytes = ring?.responses.length ?? 0;
  for (const { path, token } of watches.values()) {
    bytes += path.length + token.length + watchOverhead(path);
  }
  return bytes;
}

/** Once the journal records: what was set aside is not to come back with the next life. */
export function forgetAside(state: State, { connection, watches }: Aside): void {
  state.resetConnection(connection);
  for (const { depth, path, relative, token } of watches.values()) {
    const watch: Watch = {
      id: 0,
      connection,
      path,
      relative,
      token,
      depth,
      group: null,
      index: 0,
    };
    state.dirty?.mark(WATCH, watch);
  }
}
