import { DOMAIN_EXISTS, type DomainInfo } from "../../engine/domain_control.ts";
import type { RingState } from "../../state/ring_state.ts";
import type { Connection } from "../../engine/connection.ts";
import { EIO, type ErrorCode } from "../../wire/errors.ts";
import type { HostedDomains } from "./hosted_domains.ts";
import type { Log } from "../logging/log.ts";
import type { Turns } from "../scheduler.ts";

const DOMAIN_0: DomainInfo = { domid: 0, state: DOMAIN_EXISTS, uniqueId: 0n };

/**
 * The world of domains on a machine without Xen: there is domain 0, whose clients come through
 * the socket, and no other. INTRODUCE fails with EIO, as where a page cannot be mapped.
 */
export class NoDomains implements HostedDomains {
  readonly #log: Log;
  #turns: Turns | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  info(domid: number): DomainInfo | null {
    return domid === 0 ? DOMAIN_0 : null;
  }

  open(connection: Connection): ErrorCode {
    const text =
      `cannot introduce domain ${connection.domid}: this daemon runs without Xen, on its socket only`;
    // Who asked is a client of the socket, in domain 0.
    if (this.#turns === null) this.#log("warning", text);
    else this.#turns.tell("warning", 0, text);
    return EIO;
  }

  reset(): void {
    // Never reached: no domain has a ring.
  }

  close(): void {
    // As above.
  }

  attach(turns: Turns): void {
    this.#turns = turns;
  }

  connectExisting(): void {
    // Domain 0 comes through the socket.
  }

  rings(): RingState[] {
    return [];
  }

  gone(): void {
    // As above.
  }
}
