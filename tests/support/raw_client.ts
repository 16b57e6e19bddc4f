import { concat } from "@std/bytes/concat";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { type Message, MessageReader } from "./message.ts";
import { deadline, pause, within } from "./patience.ts";

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
 * A client on a Unix socket that keeps nothing back: it returns every message in the order of
 * arrival, replies and events alike, so that a test can compare the whole stream. It can also
 * misbehave.
 */
export class RawClient implements AsyncDisposable {
  readonly #conn: Deno.UnixConn;
  readonly #reader = new MessageReader();
  readonly #messages: Message[] = [];
  readonly #buffer = new Uint8Array(READ_SIZE);
  #reqId = 0;

  private constructor(conn: Deno.UnixConn) {
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

  /** A second time it does nothing. */
  close(): void {
    try {
      this.#conn.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  // deno-lint-ignore require-await -- the interface is asynchronous
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** Writes all of `bytes` as they are. */
  async sendBytes(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  async send(type: number, reqId: number, payload: string): Promise<void> {
    await this.sendBytes(encodeMessage(type, reqId, 0, toBytes(payload)));
  }

  /** No more will be sent; what is answered can still be read. */
  async endSending(): Promise<void> {
    await this.#conn.closeWrite();
  }

  /** Sends `requests` in one piece and returns all messages up to the last one's reply. */
  async exchange(...requests: Request[]): Promise<Message[]> {
    const parts = requests.map((r) => encodeMessage(r.type, ++this.#reqId, r.txId, r.payload));
    const [messages] = await Promise.all([
      this.receive(requests.length),
      this.sendBytes(concat(parts)),
    ]);
    return messages;
  }

  /** All messages up to and including the `replies`-th reply. @throws {HangUp} */
  async receive(replies: number): Promise<Message[]> {
    const messages: Message[] = [];
    for (let seen = 0; seen < replies;) {
      const message = await this.next();
      if (message === null) throw new HangUp();
      messages.push(message);
      if (message.type !== MessageType.WATCH_EVENT) seen++;
    }
    return messages;
  }

  /** The next message; null when the server has hung up. Fails when none comes. */
  async next(): Promise<Message | null> {
    while (this.#messages.length === 0) {
      const count = await within(this.#conn.read(this.#buffer), "an answer");
      if (count === null) return null;
      this.#messages.push(...this.#reader.push(this.#buffer.subarray(0, count)));
    }
    return this.#messages.shift()!;
  }

  /** What the next message says, which is to be the reply to this request. */
  async ask(type: number, payload: string): Promise<string> {
    await this.send(type, 1, payload);
    const reply = await this.next();
    if (reply === null) throw new HangUp();
    return reply.text;
  }
}

/** The server closed the connection. */
export class HangUp extends Error {
  override name = "HangUp";
  constructor() {
    super("the server closed the connection while a reply was awaited");
  }
}
