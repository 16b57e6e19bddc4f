/**
 * What the tables run over: a store with clients and domains around it. One world talks to the
 * engine itself, one through a Unix socket, one through rings in memory; the tables do not know.
 */
import type { Message } from "../message.ts";

/** State bits a domain can be given, in the words of the tables. */
export type DomainChange = "create" | "shutdown" | "dying" | "dead" | "gone" | "replace";

/**
 * Connections have names: `s`, `s2`, `s3` are sockets of dom0, connected when first used; `g1` is
 * the ring of domain 1, there once the domain has been introduced.
 */
export interface World extends AsyncDisposable {
  readonly name: string;

  /** Connects `connection` unless it is. Connections hear of events in this order. */
  open(connection: string): Promise<void>;

  /** Sends a request and returns what came back, in order, the last of it being the reply. */
  request(
    connection: string,
    type: number,
    payload: Uint8Array,
    txId: number,
  ): Promise<Message[]>;

  /** All messages that have come to `connection` since the last look, in order. */
  drain(connection: string): Promise<Message[]>;

  /** All connections that are open, in the order in which they were opened. */
  connections(): readonly string[];

  /** Changes the hypervisor's list of domains, and tells the daemon that it changed. */
  domain(domid: number, change: DomainChange): Promise<void>;

  /** Writes bytes as they are, framed or not; only where there are bytes. */
  raw?(connection: string, bytes: Uint8Array): Promise<void>;

  /** Whether the other end hung up on a socket; only where there are sockets. */
  hungUp?(connection: string): Promise<boolean>;

  /** A word of a guest's ring page; only where there are rings. */
  word?(connection: string, index: number): Promise<number>;

  /** Sets words of a guest's ring page all at once, then signals the daemon. */
  setWords?(connection: string, words: readonly (readonly [number, number])[]): Promise<void>;
}

/** The number of a domain whose ring is called `name`, or null for a socket's name. */
export function domidOf(name: string): number | null {
  const match = /^g([0-9]+)$/.exec(name);
  return match === null ? null : Number(match[1]);
}
