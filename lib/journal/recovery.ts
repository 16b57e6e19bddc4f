import type { Connection } from "../engine/connection.ts";
import type { RingState } from "../state/ring_state.ts";
import type { State } from "../engine/state.ts";
import { build, type Built, ringStateOf } from "../persist/build_state.ts";
import type { Connection as ConnectionRecord, HeldSocket } from "../state/records.ts";
import type { StoreRecords } from "../state/store_records.ts";
import { OK } from "../wire/errors.ts";

/** What became of the domains and connections that the last life of the daemon knew. */
export interface Recovered extends Omit<Built, "lost"> {
  /** Sockets that nobody has held: to be forgotten once the journal records again. */
  readonly lost: readonly HeldSocket[];
  /** All of the store may have changed without anybody having heard of it. */
  readonly unheard: boolean;
}

/** The connected sockets that were held for us meanwhile. */
export interface HeldConnections {
  /**
   * Takes a connection up again at the very byte where the last life stopped; null when it is not
   * there.
   */
  reopen(held: HeldSocket, ring: RingState): Connection | null;
}

/**
 * Brings back what recovery has read into a state that has the nodes already: the domains with their rings,
 * as far as they are still there, and the held sockets.
 */
export function recoverState(
  state: State,
  all: StoreRecords,
  held: HeldConnections | undefined,
  guestBytesMax = Infinity,
): Omit<Recovered, "unheard"> {
  const built = build(state, all, {
    asksDomains: true,
    guestBytesMax,
    openRing: (connection, record, { domid, port }) => {
      if (state.control.reopen?.(connection, port, ringStateOf(record)) === OK) return true;
      state.log("warning", `domain ${domid}: its ring cannot be taken up again`);
      return false;
    },
    openSocket: (record) => held?.reopen(heldOf(record), ringStateOf(record)) ?? null,
  });
  return { ...built, lost: built.lost.map(heldOf) };
}

function heldOf({ end, id }: ConnectionRecord): HeldSocket {
  const { domid, label } = (end.kind === "socket" ? end.held : null) ?? { domid: 0, label: "" };
  return { key: id, domid, label };
}
