/** Messages as tests compare them, and how they are taken out of a stream. */
import { decodeHeader, emptyHeader, HEADER_SIZE, PAYLOAD_MAX } from "../../lib/wire/header.ts";
import { toText } from "../../lib/wire/text.ts";

/** A message to or from a client; `text` has one character a byte. */
export interface Message {
  readonly type: number;
  readonly reqId: number;
  readonly txId: number;
  readonly text: string;
}

/** Takes whole messages out of a stream that comes in pieces. */
export class MessageReader {
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  readonly #header = emptyHeader();

  /** The messages that are whole now that `bytes` have come, too. */
  push(bytes: Uint8Array): Message[] {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const messages: Message[] = [];
    let at = 0;
    while (all.length - at >= HEADER_SIZE) {
      const { len, reqId, txId, type } = decodeHeader(all, at, this.#header);
      if (len > PAYLOAD_MAX) throw new Error(`a message of ${len} bytes from the daemon`);
      const end = at + HEADER_SIZE + len;
      if (all.length < end) break;
      messages.push({ type, reqId, txId, text: toText(all, at + HEADER_SIZE, end) });
      at = end;
    }
    this.#rest = all.subarray(at);
    return messages;
  }

  /** Whether a message has come in part. */
  get isWithin(): boolean {
    return this.#rest.length > 0;
  }
}
