import { decodeHeader, emptyHeader, encodeMessage, HEADER_SIZE } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toText } from "../../lib/wire/text.ts";
import { deadline, PATIENCE_MS, pause } from "./patience.ts";

/** A message as it came off the wire; `text` has one character a byte. */
export interface Message {
  readonly type: number;
  readonly reqId: number;
  readonly txId: number;
  readonly text: string;
}

/** A request before it is encoded. */
export interface Request {
  readonly type: number;
  readonly txId: number;
  readonly payload: Uint8Array;
}

/** Bytes asked of the socket at once: a few of the largest messages. */
const READ_SIZE = 65536;

/** How long apart (ms) a connection is tried while the backlog is full. */
const CONNECT_PAUSE_MS = 5;

/**
 * A client that keeps nothing back: it returns every message in the order of arrival, replies
 * and events alike, so that a test can compare the whole stream.
 */
export class RawClient {
  readonly #conn: Deno.Conn;
  #pending: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  readonly #buffer = new Uint8Array(READ_SIZE);
  #reqId = 0;

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Connects; waits while the server's backlog is full (C xenstored listens with one of 1). */
  static async connect(path: string): Promise<RawClient> {
    for (const end = deadline("a connection");;) {
      try {
        return new RawClient(await Deno.connect({ transport: "unix", path }));
      } catch (error) {
        if (!(error instanceof Deno.errors.WouldBlock)) throw error;
        end.check();
        await pause(CONNECT_PAUSE_MS);
      }
    }
  }

  close(): void {
    try {
      this.#conn.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  /** Writes all of `bytes` as they are. */
  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** Sends `requests` in one piece and returns all messages up to the last one's reply. */
  async exchange(...requests: Request[]): Promise<Message[]> {
    const parts = requests.map((r) => encodeMessage(r.type, ++this.#reqId, r.txId, r.payload));
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    const [messages] = await Promise.all([this.receive(requests.length), this.send(bytes)]);
    return messages;
  }

  /** All messages up to and including the `replies`-th reply. */
  async receive(replies: number): Promise<Message[]> {
    const messages: Message[] = [];
    for (let seen = 0; seen < replies;) {
      const message = this.#take() ?? await this.#more();
      if (message === null) continue;
      messages.push(message);
      if (message.type !== MessageType.WATCH_EVENT) seen++;
    }
    return messages;
  }

  /** The next whole message of what has been read, or null. */
  #take(): Message | null {
    if (this.#pending.length < HEADER_SIZE) return null;
    const header = decodeHeader(this.#pending, 0, emptyHeader());
    const end = HEADER_SIZE + header.len;
    if (this.#pending.length < end) return null;
    const text = toText(this.#pending, HEADER_SIZE, end);
    this.#pending = this.#pending.subarray(end);
    return { type: header.type, reqId: header.reqId, txId: header.txId, text };
  }

  async #more(): Promise<null> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new Error(`no answer within ${PATIENCE_MS} ms`)),
        PATIENCE_MS,
      );
    });
    try {
      const count = await Promise.race([this.#conn.read(this.#buffer), late]);
      if (count === null) throw new HangUp();
      const joined = new Uint8Array(this.#pending.length + count);
      joined.set(this.#pending);
      joined.set(this.#buffer.subarray(0, count), this.#pending.length);
      this.#pending = joined;
      return null;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The server closed the connection. */
export class HangUp extends Error {
  override name = "HangUp";
  constructor() {
    super("the server closed the connection while a reply was awaited");
  }
}
