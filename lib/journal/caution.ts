import type { State } from "../engine/state.ts";
import { WATCH, type Watch } from "../engine/watches.ts";
import type { LeftOut } from "../persist/build_state.ts";
import { canonicalPath } from "../store/path.ts";

/** How a recovery goes where the lives before it may have died for lack of memory. */
export interface Caution {
  /** Called now and then while records are read. */
  progress(): void;
  /**
   * Bytes of one guest's watches and unsent answers beyond which they are left out, by the memory
   * model; Infinity for never.
   */
  readonly guestBytesMax: number;
}

/** Once the journal records: what was left out must not come back with the next daemon. */
export function forgetLeftOut(state: State, { connection, watches }: LeftOut): void {
  state.resetConnection(connection);
  for (const { path, token } of watches.values()) {
    const canonical = canonicalPath(path, connection.home, true)!;
    const watch: Watch = {
      id: 0,
      connection,
      path: canonical,
      relative: canonical.length !== path.length,
      token,
      depth: 0,
      group: null,
      index: 0,
    };
    state.dirty?.mark(WATCH, watch);
  }
}
