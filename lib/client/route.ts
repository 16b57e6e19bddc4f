import type { Clock } from "../clock.ts";
import type { Limits } from "./call.ts";
import type { Session } from "./session.ts";

/** Where a client's requests go. */
export interface Route {
  /** The transaction that the requests belong to; 0 for none. */
  readonly txId: number;
  readonly clock: Clock;
  /** Limits of all requests, beside those of each call. */
  readonly limits?: Limits | undefined;
  /** How often a request is made again that was lost with its connection, without any effect. */
  readonly retries: number;
  /** The session of the moment; a promise while there is none. */
  session(limits: Limits | undefined): Session | Promise<Session>;
}

/** One session, and no other when it has ended. */
export function fixedRoute(session: Session, txId: number, limits: Limits | undefined): Route {
  return { txId, clock: session.clock, limits, retries: 0, session: () => session };
}
