import type { MemoryDomains } from "../../../lib/server/domains/memory_domains.ts";
import { EmbeddedServer } from "../../../lib/testing/embedded.ts";
import { ERROR } from "../../../lib/transport/ring_page.ts";
import type { GuestRing } from "../../../lib/transport/ring.ts";
import { MessageType } from "../../../lib/wire/message_type.ts";
import { toBytes } from "../../../lib/wire/text.ts";
import { HangUp, RawClient } from "../raw_client.ts";
import { ByteClient } from "../byte_client.ts";
import { changeDomain } from "./change_domain.ts";
import type { Message } from "../message.ts";
import { type DomainChange, domidOf, type World } from "./world.ts";

/** Changes nothing; everything queued before its reply has come with it. */
const BARRIER = { type: MessageType.GET_DOMAIN_PATH, txId: 0, payload: toBytes("0\0") };

/** A daemon in this process, with a hypervisor in memory. */
export type ServerHere = Pick<EmbeddedServer, "domains" | "socketPath" | "stop">;

/** The whole daemon with its loop; dom0's clients are true sockets, the guests have rings. */
export class SocketWorld implements World {
  readonly name = "socket";
  readonly #server: ServerHere;
  /** What the server shows of them, and what is behind that. */
  readonly #domains: MemoryDomains;
  readonly #sockets = new Map<string, RawClient>();
  readonly #guests = new Map<string, ByteClient>();
  readonly #rings = new Map<string, GuestRing>();
  /** Streams on which unframed bytes were sent: no barrier may go into the middle of them. */
  readonly #unframed = new Set<string>();
  readonly #names: string[] = [];

  private constructor(server: ServerHere) {
    this.#server = server;
    this.#domains = server.domains as MemoryDomains;
  }

  static async start(
    server: Promise<ServerHere> = EmbeddedServer.start(),
  ): Promise<SocketWorld> {
    return new SocketWorld(await server);
  }

  async open(name: string): Promise<void> {
    if (this.#names.includes(name)) return;
    const domid = domidOf(name);
    if (domid === null) {
      const client = await RawClient.connect(this.#server.socketPath);
      this.#sockets.set(name, client);
      // Connections count by age from the moment the daemon has accepted them.
      await client.exchange(BARRIER);
    } else {
      const ring = this.#domains.guest(domid);
      this.#rings.set(name, ring);
      this.#guests.set(name, new ByteClient(ring, letOthersRun));
    }
    this.#names.push(name);
  }

  async request(
    name: string,
    type: number,
    payload: Uint8Array,
    txId: number,
  ): Promise<Message[]> {
    this.#unframed.delete(name);
    const guest = this.#guests.get(name);
    if (guest !== undefined) return await guest.request(type, payload, txId);
    return await this.#socket(name).exchange({ type, txId, payload });
  }

  async drain(name: string): Promise<Message[]> {
    if (this.#unframed.has(name) || this.#rings.get(name)?.page.load(ERROR)) return [];
    const domid = domidOf(name);
    if (domid === null) return (await this.#socket(name).exchange(BARRIER)).slice(0, -1);
    // Nobody answers on the ring of a domain that was released or is ignored.
    if (this.#domains.portOf(domid) === null) return [];
    return await this.#guests.get(name)?.drain() ?? [];
  }

  connections(): readonly string[] {
    return [...this.#names];
  }

  domain(domid: number, change: DomainChange): Promise<void> {
    if (change === "create" || change === "replace") this.#forget(`g${domid}`);
    changeDomain(this.#domains, domid, change);
    return Promise.resolve();
  }

  #forget(name: string): void {
    this.#guests.delete(name);
    this.#rings.delete(name);
    const at = this.#names.indexOf(name);
    if (at >= 0) this.#names.splice(at, 1);
  }

  async raw(name: string, bytes: Uint8Array): Promise<void> {
    this.#unframed.add(name);
    const guest = this.#guests.get(name);
    if (guest === undefined) await this.#socket(name).sendBytes(bytes);
    else await guest.send(bytes);
    await this.#sockets.get("s")?.exchange(BARRIER);
  }

  async hungUp(name: string): Promise<boolean> {
    try {
      await this.#socket(name).exchange(BARRIER);
      return false;
    } catch (error) {
      if (!isHangUp(error)) throw error;
      this.#names.splice(this.#names.indexOf(name), 1);
      return true;
    }
  }

  word(name: string, index: number): Promise<number> {
    return Promise.resolve(this.#ring(name).page.load(index));
  }

  async setWords(name: string, words: readonly (readonly [number, number])[]): Promise<void> {
    const ring = this.#ring(name);
    for (const [index, value] of words) ring.page.store(index, value);
    ring.kick();
    // Answered in a later turn than the one that looks at the ring.
    await this.#sockets.get("s")?.exchange(BARRIER);
  }

  #ring(name: string): GuestRing {
    const ring = this.#rings.get(name);
    if (ring === undefined) throw new Error(`no ring ${name}`);
    return ring;
  }

  #socket(name: string): RawClient {
    const client = this.#sockets.get(name);
    if (client === undefined) throw new Error(`no connection ${name}`);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#sockets.values()) client.close();
    await this.#server.stop();
  }
}

/** Gives the daemon's loop, which runs in this process, its turn. */
function letOthersRun(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Whether the server closed the connection, in whichever way the system tells. */
function isHangUp(error: unknown): boolean {
  return error instanceof HangUp || error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe;
}
