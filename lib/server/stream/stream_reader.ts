import type { Connection } from "../../engine/connection.ts";
import { STREAM_SEND_BYTES } from "../../limits.ts";
import type { Transport } from "../../transport/transport.ts";
import { FrameQueue } from "./frame_queue.ts";
import type { MessageFilter } from "./message_filter.ts";

const rest = new Uint8Array(STREAM_SEND_BYTES);

/** What reads a stream: a client that has been a Xenstore client until it asked for it. */
export class StreamReader {
  readonly queue: FrameQueue = new FrameQueue();
  readonly filter: MessageFilter;
  readonly #transport: Transport;
  /** Whether the messages of a client that is connected are wanted. */
  readonly #wanted = new Map<Connection, boolean>();
  /** The clients of which it has been told who they are. */
  readonly #known = new Set<Connection>();
  /** The kernel has no room for more now, and announces when it has. */
  #isBlocked = false;

  constructor(transport: Transport, filter: MessageFilter) {
    this.#transport = transport;
    this.filter = filter;
  }

  /** Whether it only counts what it loses: it wants all, and has no room. */
  get onlyLoses(): boolean {
    return this.filter.isAll && this.queue.isFull;
  }

  wants(connection: Connection): boolean {
    const known = this.#wanted.get(connection);
    if (known !== undefined) return known;
    const wanted = this.filter.wantsClient(connection);
    this.#wanted.set(connection, wanted);
    return wanted;
  }

  /** Whether it has been told who a client is. */
  knows(connection: Connection): boolean {
    return this.#known.has(connection);
  }

  introduced(connection: Connection): void {
    this.#known.add(connection);
  }

  /** A client is gone; true when it had been told of it. */
  forget(connection: Connection): boolean {
    this.#wanted.delete(connection);
    return this.#known.delete(connection);
  }

  /** Sends what the kernel takes, unless it has no room; false when nobody reads any more. */
  send(now: number): boolean {
    return this.#isBlocked || this.#send(now);
  }

  #send(now: number): boolean {
    if (!this.queue.sendTo(this.#transport, now)) return false;
    this.#isBlocked = this.queue.length > 0;
    this.#transport.want(true, this.#isBlocked);
    return true;
  }

  /** Its descriptor has news; false when it is at its end. A reader has nothing to say any more. */
  look(hasRoom: boolean, now: number): boolean {
    if (this.#transport.read(rest, 0, rest.length) !== 0) return false;
    return !hasRoom || this.#send(now);
  }

  close(): void {
    this.#transport.close();
  }
}
