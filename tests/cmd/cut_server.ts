import { decodeHeader, emptyHeader, HEADER_SIZE } from "../../lib/wire/header.ts";

/** What a daemon does that has answered enough: it ends, or it is stopped. */
export type Cut = "ends" | "is silent";

/** A socket that leads to a daemon, until so many replies have come back on a connection. */
export class CutServer implements Disposable {
  readonly #listener: Deno.Listener;
  readonly #connections = new Set<Deno.Conn>();
  /** Whether a request was cut off. */
  reached = false;

  constructor(
    readonly socketPath: string,
    private readonly daemon: string,
    private readonly cut: Cut,
    private readonly replies: number,
  ) {
    this.#listener = Deno.listen({ transport: "unix", path: socketPath });
    void this.#accept();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const daemon = await Deno.connect({ transport: "unix", path: this.daemon });
      this.#connections.add(client).add(daemon);
      this.#relay(client, daemon).catch(() => {}).finally(() => this.#close(client, daemon));
    }
  }

  #close(...connections: Deno.Conn[]): void {
    for (const connection of connections) {
      if (this.#connections.delete(connection)) connection.close();
    }
  }

  /** Requests one by one, with each one's reply; events go along. */
  async #relay(client: Deno.Conn, daemon: Deno.Conn): Promise<void> {
    let pending = 0;
    let answered = 0;
    const requests = async (): Promise<void> => {
      for await (const message of messages(client)) {
        if (answered + pending >= this.replies) {
          this.reached = true;
          if (this.cut === "ends") return this.#close(client, daemon);
          await new Promise(() => {});
        }
        pending++;
        await writeAll(daemon, message);
      }
    };
    const answers = async (): Promise<void> => {
      for await (const message of messages(daemon)) {
        const isEvent = decodeHeader(message, 0, emptyHeader()).type === 15;
        if (!isEvent) {
          pending--;
          answered++;
        }
        await writeAll(client, message);
      }
    };
    await Promise.race([requests(), answers()]);
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    this.#close(...this.#connections);
  }
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

async function* messages(from: Deno.Conn): AsyncGenerator<Uint8Array> {
  let kept = new Uint8Array();
  const buffer = new Uint8Array(65_536);
  for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
    const all = new Uint8Array(kept.length + count);
    all.set(kept);
    all.set(buffer.subarray(0, count), kept.length);
    let at = 0;
    while (all.length - at >= HEADER_SIZE) {
      const size = HEADER_SIZE + decodeHeader(all, at, emptyHeader()).len;
      if (all.length - at < size) break;
      yield all.slice(at, at + size);
      at += size;
    }
    kept = all.slice(at);
  }
}
