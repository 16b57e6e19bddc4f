import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import type { Transport } from "../../lib/transport/transport.ts";
import { PATIENCE_MS } from "./patience.ts";
import { type Message, MessageReader } from "./message.ts";

/** Bytes taken from a stream at once. */
const READ_SIZE = 65536;

/** A client that speaks bytes over the far end of a transport in memory, such as a ring. */
export class ByteClient {
  readonly #reader = new MessageReader();
  readonly #messages: Message[] = [];
  #reqId = 0;

  /**
   * `work` lets the daemon do what it has to do; it may take a moment. Without progress for
   * `patienceMs` it is taken for hung.
   */
  constructor(
    readonly end: Transport,
    private readonly work: () => void | Promise<void>,
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  /** Sends a request and returns what came back, up to its reply. */
  async request(type: number, payload: Uint8Array, txId: number): Promise<Message[]> {
    const reqId = ++this.#reqId;
    await this.send(encodeMessage(type, reqId, txId, payload));
    return await this.#untilReply(reqId);
  }

  /** Everything that came since the last look, the answer to a barrier left out. */
  async drain(): Promise<Message[]> {
    const messages = await this.request(MessageType.GET_DOMAIN_PATH, BARRIER, 0);
    return messages.slice(0, -1);
  }

  /** Writes all of `bytes`, in as many pieces as it takes. */
  async send(bytes: Uint8Array): Promise<void> {
    const owned = bytes.slice();
    let progress = Date.now();
    for (let at = 0; at < owned.length;) {
      const count = this.end.write(owned, at, owned.length);
      if (count < 0) throw new Error("the daemon has closed the stream, or the indices are broken");
      at += count;
      if (count > 0) progress = Date.now();
      if (Date.now() - progress > this.patienceMs) throw new Error("the daemon does not read");
      this.#read();
      await this.work();
    }
  }

  /** Whether the stream has been closed and all that was in it has been read. */
  get ended(): boolean {
    return this.#read() < 0;
  }

  async #untilReply(reqId: number): Promise<Message[]> {
    for (let progress = Date.now(); Date.now() - progress <= this.patienceMs;) {
      const replied = this.#messages.findIndex((m) => m.type !== MessageType.WATCH_EVENT);
      if (replied >= 0) {
        const messages = this.#messages.splice(0, replied + 1);
        const got = messages.at(-1)?.reqId;
        if (got !== reqId) throw new Error(`the reply to request ${got}, not to ${reqId}`);
        return messages;
      }
      const count = this.#read();
      if (count < 0) throw new Error("the daemon has hung up");
      if (count > 0) progress = Date.now();
      await this.work();
    }
    throw new Error("no reply");
  }

  #read(): number {
    const buffer = new Uint8Array(READ_SIZE);
    const count = this.end.read(buffer, 0, READ_SIZE);
    if (count <= 0) return count;
    this.#messages.push(...this.#reader.push(buffer.subarray(0, count)));
    return count;
  }
}

const BARRIER = new Uint8Array([0x30, 0]);
