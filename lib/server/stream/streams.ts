import { type Epoll, EPOLLOUT } from "../../../ffi/epoll.ts";
import type { Connection } from "../../engine/connection.ts";
import type { StreamActions } from "../../engine/daemon_actions.ts";
import { STREAM_READERS_MAX } from "../../limits.ts";
import { SocketTransport } from "../../transport/socket.ts";
import type { StreamHello } from "../../wire/stream_frame.ts";
import { Peer } from "../peer/peer.ts";
import type { SocketStreams } from "../peer/sockets.ts";
import { MessageFilter } from "./message_filter.ts";
import type { MessageStream } from "./message_stream.ts";
import { StreamReader } from "./stream_reader.ts";

/**
 * Clients of the socket that have become readers of a stream: with the reply to CONTROL `stream` such a
 * connection ends as Xenstore's, and all that follows on its descriptor are frames. So the rights are the
 * socket's, there is no second socket to find or to guard, nobody keeps the descriptor when the daemon ends,
 * and neither the engine nor the journal knows of it.
 */
export class Streams implements StreamActions, SocketStreams {
  readonly #messages: MessageStream;
  readonly #epoll: Epoll;
  readonly #hello: StreamHello;
  /** What those asked for that have not left yet. */
  readonly #asked = new Map<Connection, MessageFilter>();
  /** By descriptor. */
  readonly #readers = new Map<number, StreamReader>();

  constructor(messages: MessageStream, epoll: Epoll, hello: StreamHello) {
    this.#messages = messages;
    this.#epoll = epoll;
    this.#hello = hello;
    messages.onGone = (reader) => this.#forget(reader);
  }

  open(by: Connection, words: readonly string[]): string {
    const [what, ...conditions] = words;
    if (what !== "messages") return "there is one stream: messages";
    if (!(by.outbox instanceof Peer) || by.kind !== "socket") return "only over the socket";
    // Those that leave at the end of this turn have their places already.
    if (this.#readers.size + this.#asked.size >= STREAM_READERS_MAX) {
      return `${STREAM_READERS_MAX} read already (end one of them)`;
    }
    const filter = new MessageFilter();
    const problem = filter.parse(conditions);
    if (problem !== null) return problem;
    this.#asked.set(by, filter);
    by.outbox.leave();
    return "OK";
  }

  take(by: Connection, fd: number, unsent: Uint8Array): void {
    const transport = new SocketTransport(fd, this.#epoll);
    const filter = this.#asked.get(by);
    this.#asked.delete(by);
    if (filter === undefined) return transport.close();
    const reader = new StreamReader(transport, filter);
    this.#readers.set(fd, reader);
    // The reply, as far as the kernel had no room for it.
    reader.queue.add(unsent, unsent.length);
    this.#messages.add(reader, this.#hello);
  }

  ended(by: Connection): void {
    this.#asked.delete(by);
  }

  event(fd: number, events: number): void {
    const reader = this.#readers.get(fd);
    if (reader !== undefined) this.#messages.look(reader, (events & EPOLLOUT) !== 0);
  }

  #forget(reader: StreamReader): void {
    for (const [fd, other] of this.#readers) if (other === reader) this.#readers.delete(fd);
  }

  close(): void {
    for (const reader of [...this.#readers.values()]) this.#messages.end(reader);
  }
}
