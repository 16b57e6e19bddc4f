import { MEMORY_PIPE_BYTES } from "./memory_transport.ts";
import type { Transport } from "../../lib/transport/transport.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { type Message, MessageReader } from "./message.ts";

/** The far end of a stream in memory, or of a ring. */
export type StreamEnd = Pick<Transport, "read" | "write">;

/**
 * A client that speaks over the far end of a stream in memory, such as a ring; `work` lets the
 * daemon do what it has to do.
 */
export class StreamClient<E extends StreamEnd = StreamEnd> {
  readonly #reader = new MessageReader();

  constructor(readonly end: E, readonly work: () => void = () => {}) {}

  /** Sends one message; false if it does not fit into the stream now. */
  send(type: number, reqId: number, payload: string, txId = 0): boolean {
    return this.sendBytes(encodeMessage(type, reqId, txId, toBytes(payload)).slice());
  }

  sendBytes(bytes: Uint8Array<ArrayBuffer>): boolean {
    return this.end.write(bytes, 0, bytes.length) === bytes.length;
  }

  /** The messages that are whole with what is in the stream, of which at most `most` bytes are taken. */
  receive(most = MEMORY_PIPE_BYTES): Message[] {
    return this.#receive(most) ?? [];
  }

  /** Empties the stream until nothing more comes. */
  take(most = MEMORY_PIPE_BYTES): Message[] {
    const messages: Message[] = [];
    for (let some = this.#receive(most); some !== null; some = this.#receive(most)) {
      messages.push(...some);
      this.work();
    }
    return messages;
  }

  #receive(most: number): Message[] | null {
    const buffer = new Uint8Array(most);
    const count = this.end.read(buffer, 0, most);
    return count <= 0 ? null : this.#reader.push(buffer.subarray(0, count));
  }
}
