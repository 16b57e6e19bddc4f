/** A bare client on a true Unix socket, which can also misbehave. */
import { encodeMessage } from "../../lib/wire/header.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { PATIENCE_MS } from "./patience.ts";
import { type Message, parseMessages } from "./test_turns.ts";

export class SocketClient implements AsyncDisposable {
  readonly #connection: Deno.UnixConn;
  #bytes = new Uint8Array(0);
  #messages: Message[] = [];
  #closed = false;

  private constructor(connection: Deno.UnixConn) {
    this.#connection = connection;
  }

  static async connect(path: string): Promise<SocketClient> {
    return new SocketClient(await Deno.connect({ transport: "unix", path }));
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }

  async send(type: number, reqId: number, payload: string): Promise<void> {
    await this.sendBytes(encodeMessage(type, reqId, 0, toBytes(payload)));
  }

  /** The next message; null when the server has hung up. Fails when none comes. */
  async next(): Promise<Message | null> {
    const buffer = new Uint8Array(65_536);
    while (this.#messages.length === 0) {
      const count = await within(this.#connection.read(buffer), "an answer");
      if (count === null) return null;
      const bytes = new Uint8Array(this.#bytes.length + count);
      bytes.set(this.#bytes);
      bytes.set(buffer.subarray(0, count), this.#bytes.length);
      const { messages, used } = parseMessages(bytes);
      this.#messages = messages;
      this.#bytes = bytes.slice(used);
    }
    return this.#messages.shift()!;
  }

  /** The payload of the reply to one request. */
  async ask(type: number, payload: string): Promise<string> {
    await this.send(type, 1, payload);
    const reply = await this.next();
    if (reply === null) throw new Error("the server hung up instead of answering");
    return reply.payload;
  }

  /** No more will be sent; what is answered can still be read. */
  async endSending(): Promise<void> {
    await this.#connection.closeWrite();
  }

  close(): void {
    if (!this.#closed) this.#connection.close();
    this.#closed = true;
  }

  // deno-lint-ignore require-await -- the interface is asynchronous
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

/** What `promise` gives; fails if that takes too long. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} in ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
