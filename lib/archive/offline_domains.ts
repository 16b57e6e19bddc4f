import type { Connection } from "../engine/connection.ts";
import { DOMAIN_EXISTS, type DomainControl, type DomainInfo } from "../engine/domain_control.ts";
import type { RingState } from "../state/ring_state.ts";
import { type ErrorCode, OK } from "../wire/errors.ts";

/**
 * The domains of a store that is only looked at: all that it names are there, as it names them, and
 * their rings are connected without anything behind them.
 */
export class OfflineDomains implements DomainControl {
  /** What the rings were when the store was written. */
  readonly rings: Map<Connection, RingState> = new Map();

  /** `uniqueIdOf` gives the unique id of a domain that is there, else null. */
  constructor(private readonly uniqueIdOf: (domid: number) => bigint | null) {}

  info(domid: number): DomainInfo | null {
    const uniqueId = this.uniqueIdOf(domid);
    return uniqueId === null ? null : { domid, state: DOMAIN_EXISTS, uniqueId };
  }

  open(): ErrorCode {
    return OK;
  }

  reopen(connection: Connection, _port: number, ring: RingState): ErrorCode {
    this.rings.set(connection, ring);
    return OK;
  }

  reset(): void {
    // Nothing is in flight.
  }

  close(): void {
    // As above.
  }
}
