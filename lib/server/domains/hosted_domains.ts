import type { Connection } from "../../engine/connection.ts";
import type { DomainControl } from "../../engine/domain_control.ts";
import type { RingState } from "../../state/ring_state.ts";
import type { Domain } from "../../engine/domains.ts";
import type { ErrorCode } from "../../wire/errors.ts";
import type { Peer } from "../peer/peer.ts";
import type { InFlight } from "../peer/peer_host.ts";
import type { Turns } from "../scheduler.ts";

/** What the rings need of the engine. */
export interface DomainHost {
  readonly state: {
    readonly domains: { get(domid: number): Domain | undefined };
    resetConnection(connection: Connection): void;
    /** Connects a domain's ring without an INTRODUCE, as at the start. */
    openDomain(domid: number, port: number): ErrorCode;
  };
}

/** Where the domains' events come from, for the loop to wait for. */
export interface Wakeups {
  /** Readable when {@link take} has something to do. */
  readonly fd: number;
  /** Lets the turns know of all that woke us, up to a turn's share. */
  take(): void;
  /** Releases everything: at the end of the daemon. */
  release(): void;
}

/** What rings need to go from one process to the next that takes its place. */
export interface RingHandover {
  /** The descriptor of the event-channel device: all ports are bound to it. */
  readonly eventsFd: number;
  /** Our end of the event channel of a connection's ring; 0 when none is bound. */
  portOf(connection: Connection): number;
  /** Maps the page of an introduced domain and takes up its ring, whose channel is bound. */
  inherit(connection: Connection, port: number, flight: InFlight): ErrorCode;
  /** Gives up what a process can only have alone; its successor is about to come. */
  giveUp(): void;
  /** No successor came: takes it again. */
  takeBack(): void;
}

/** The world of domains, with the rings' side of the turn. */
export interface HostedDomains extends DomainControl {
  /** Missing where nothing outside of this process wakes us. */
  readonly wakeups?: Wakeups;
  /** Missing where domains do not outlive the process. */
  readonly handover?: RingHandover;
  /** Completes the circle of engine, turns and domains: once, before anything else. */
  attach(turns: Turns, engine: DomainHost): void;
  /**
   * Connects the domains that are there already and not connected yet.
   *
   * @throws {Error} when the daemon cannot do its work without them.
   */
  connectExisting(): void;
  /** All rings as they are now, with all that is owed to their guests. */
  rings(): Iterable<RingState>;
  /** A ring's peer ended by itself, its guest having broken the protocol. */
  gone(peer: Peer): void;
}
