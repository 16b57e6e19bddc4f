import {
  REQ_CONS,
  REQ_PROD,
  REQUEST_RING,
  RESPONSE_RING,
  RING_SIZE,
  RSP_CONS,
  RSP_PROD,
} from "../../../lib/transport/ring_page.ts";
import { decodeHeader, emptyHeader, encodeMessage, HEADER_SIZE } from "../../../lib/wire/header.ts";
import { toText } from "../../../lib/wire/text.ts";
import { PATIENCE_MS } from "../patience.ts";
import type { Message } from "../message.ts";
import type { World } from "./world.ts";

const WORD_BYTES = 4;

/**
 * A guest that sends requests without taking what comes back, until it is told to: it works its
 * ring through the words of the page.
 */
export class SilentGuest {
  #reqId = 1000;
  #bytes = new Uint8Array(0);

  constructor(private readonly world: World, private readonly name: string) {}

  /** From now on nobody else takes this guest's messages. */
  async begin(): Promise<void> {
    await this.world.open(this.name);
    await this.world.raw!(this.name, new Uint8Array(0));
  }

  /** Puts a request into the ring; false when it does not fit now. */
  async put(type: number, payload: Uint8Array): Promise<boolean> {
    const message = encodeMessage(type, this.#reqId + 1, 0, payload).slice();
    const taken = await this.#word(REQ_CONS);
    const from = await this.#word(REQ_PROD);
    if (message.length > RING_SIZE - ((from - taken) >>> 0)) return false;
    this.#reqId++;
    const words = new Map<number, number>();
    for (const [i, byte] of message.entries()) {
      const at = REQUEST_RING + (from + i) % RING_SIZE;
      const word = Math.floor(at / WORD_BYTES);
      const shift = 8 * (at % WORD_BYTES);
      const before = words.get(word) ?? await this.#word(word);
      words.set(word, ((before & ~(0xff << shift)) | (byte << shift)) >>> 0);
    }
    await this.world.setWords!(this.name, [...words, [REQ_PROD, (from + message.length) >>> 0]]);
    return true;
  }

  /** Takes what is in the ring, and what follows, until nothing has come for some requests' time. */
  async take(): Promise<Message[]> {
    const messages: Message[] = [];
    for (let empty = 0; empty < 3;) {
      const chunk = await this.#takeOnce();
      if (chunk.length === 0) empty++;
      else empty = 0;
      messages.push(...this.#parse(chunk));
    }
    return messages;
  }

  /** Takes messages until there are `count`. */
  async takeMany(count: number): Promise<Message[]> {
    const messages: Message[] = [];
    for (let progress = Date.now(); messages.length < count;) {
      const more = await this.take();
      if (more.length > 0) progress = Date.now();
      messages.push(...more);
      if (Date.now() - progress > PATIENCE_MS) {
        throw new Error(`only ${messages.length} of ${count} messages have come`);
      }
    }
    return messages;
  }

  async #takeOnce(): Promise<Uint8Array> {
    const from = await this.#word(RSP_CONS);
    const length = ((await this.#word(RSP_PROD)) - from) >>> 0;
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      const at = RESPONSE_RING + (from + i) % RING_SIZE;
      bytes[i] = await this.#word(Math.floor(at / WORD_BYTES)) >>> 8 * (at % WORD_BYTES);
    }
    await this.world.setWords!(this.name, [[RSP_CONS, (from + length) >>> 0]]);
    return bytes;
  }

  #parse(chunk: Uint8Array): Message[] {
    const messages: Message[] = [];
    const bytes = new Uint8Array([...this.#bytes, ...chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_SIZE) {
      const { type, reqId, txId, len } = decodeHeader(bytes, at, emptyHeader());
      const end = at + HEADER_SIZE + len;
      if (bytes.length < end) break;
      messages.push({ type, reqId, txId, text: toText(bytes, at + HEADER_SIZE, end) });
      at = end;
    }
    this.#bytes = bytes.slice(at);
    return messages;
  }

  #word(index: number): Promise<number> {
    return this.world.word!(this.name, index);
  }
}
