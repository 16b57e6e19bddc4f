import { type Meter, READ_UNITS, TEXT_SHIFT } from "../../engine/work_meter.ts";
import { EVENT_LOOK_MS, EVENT_TIMEOUT_MS, TURN_UNITS } from "../../limits.ts";
import { NEVER } from "./message_bounds.ts";
import type { Peer } from "./peer.ts";

/** Peers with events that can expire, and when to look at them. */
export class EventExpiry {
  /** How long an event may wait to be read by its guest, in ms; 0 for ever. */
  timeoutMs = EVENT_TIMEOUT_MS;
  /** When the events must be looked at for their age; Infinity for not at all. */
  lookAt = NEVER;
  /** Peers with events that will expire. */
  readonly #peers = new Set<Peer>();
  /** Those of them that this round has not looked at yet. */
  readonly #left: Peer[] = [];

  /** When an event that is queued at `now` expires. */
  dueOf(now: number): number {
    return this.timeoutMs === 0 ? NEVER : now + this.timeoutMs;
  }

  /** Adds a peer that has unsent events which will expire. */
  add(peer: Peer, now: number): void {
    this.#peers.add(peer);
    if (this.lookAt === NEVER) this.lookAt = this.dueOf(now);
  }

  /** Looks at as many peers as fit into a turn; {@link lookAt} has passed. */
  step(meter: Meter, now: number): void {
    const peers = this.#left;
    if (peers.length === 0) peers.push(...[...this.#peers].reverse());
    meter.take();
    while (peers.length > 0 && meter.units < TURN_UNITS) {
      const peer = peers.pop()!;
      meter.add(READ_UNITS + (peer.unsent >> TEXT_SHIFT));
      if (!peer.expire(now)) this.#peers.delete(peer);
    }
    if (peers.length > 0) return;
    this.lookAt = this.#peers.size === 0 ? NEVER : now + EVENT_LOOK_MS;
  }
}
