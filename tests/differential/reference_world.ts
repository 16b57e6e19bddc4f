import { mapFile, unmapFile, viewMemory } from "../../ffi/shared_memory.ts";
import { RING_PAGE_SIZE, RingPage } from "../../lib/transport/ring_page.ts";
import { GuestRing } from "../../lib/transport/ring.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { ByteClient } from "../support/byte_client.ts";
import type { Message } from "../support/message.ts";
import { type DomainChange, domidOf, type World } from "../support/worlds/world.ts";
import { type ReferenceDaemon, startReference } from "../support/reference/daemon.ts";
import { RawClient } from "../support/raw_client.ts";

/** Changes nothing; everything queued before its reply has come with it. */
const BARRIER = { type: MessageType.GET_DOMAIN_PATH, txId: 0, payload: toBytes("0\0") };

/** Debian's C xenstored with sockets and with guests on its simulated host. */
export class ReferenceWorld implements World {
  readonly name = "C xenstored";
  readonly #daemon: ReferenceDaemon;
  /** A client of its own: C looks at all rings whenever anything comes, so it serves for kicks. */
  readonly #kicker: RawClient;
  readonly #sockets = new Map<string, RawClient>();
  readonly #guests = new Map<string, ByteClient>();
  readonly #rings = new Map<string, RingPage>();
  /** Guests whose messages a test takes itself. */
  readonly #unframed = new Set<string>();
  readonly #pages: Deno.PointerObject[] = [];

  private constructor(daemon: ReferenceDaemon, kicker: RawClient) {
    this.#daemon = daemon;
    this.#kicker = kicker;
  }

  static async start(): Promise<ReferenceWorld> {
    const daemon = await startReference("c");
    return new ReferenceWorld(daemon, await RawClient.connect(daemon.socketPath));
  }

  /** What the daemon has printed. */
  output(): string {
    return this.#daemon.output();
  }

  async open(name: string): Promise<void> {
    if (this.#sockets.has(name) || this.#guests.has(name)) return;
    const domid = domidOf(name);
    if (domid === null) {
      this.#sockets.set(name, await RawClient.connect(this.#daemon.socketPath));
      return;
    }
    const address = mapFile(this.#ringFile(domid), RING_PAGE_SIZE);
    this.#pages.push(address);
    const page = new RingPage(viewMemory(address, RING_PAGE_SIZE));
    this.#rings.set(name, page);
    const ring = new GuestRing(page, () => {});
    this.#guests.set(name, new ByteClient(ring, () => this.#kick()));
  }

  async #kick(): Promise<void> {
    await this.#kicker.exchange(BARRIER);
  }

  #ringFile(domid: number): string {
    return `${this.#daemon.dir}/ring-${domid}`;
  }

  async request(
    name: string,
    type: number,
    payload: Uint8Array,
    txId: number,
  ): Promise<Message[]> {
    const guest = this.#guests.get(name);
    if (guest !== undefined) return await guest.request(type, payload, txId);
    return await this.#socket(name).exchange({ type, txId, payload });
  }

  async drain(name: string): Promise<Message[]> {
    if (this.#unframed.has(name)) return [];
    const guest = this.#guests.get(name);
    if (guest !== undefined) return await guest.drain();
    return (await this.#socket(name).exchange(BARRIER)).slice(0, -1);
  }

  connections(): readonly string[] {
    return [...this.#sockets.keys(), ...this.#guests.keys()];
  }

  /** Only creation: what C 4.17 does at a domain's end differs from what newer C does. */
  async domain(domid: number, change: DomainChange): Promise<void> {
    if (change !== "create") throw new Error(`${change} is not simulated for C xenstored`);
    await Deno.writeFile(this.#ringFile(domid), new Uint8Array(RING_PAGE_SIZE));
    using domains = await Deno.open(`${this.#daemon.dir}/domains`, { write: true });
    await domains.seek(domid, Deno.SeekMode.Start);
    await domains.write(new Uint8Array([1]));
  }

  async raw(name: string, bytes: Uint8Array): Promise<void> {
    this.#unframed.add(name);
    await this.#guests.get(name)!.send(bytes);
  }

  word(name: string, index: number): Promise<number> {
    return Promise.resolve(this.#ring(name).load(index));
  }

  async setWords(name: string, words: readonly (readonly [number, number])[]): Promise<void> {
    for (const [index, value] of words) this.#ring(name).store(index, value);
    await this.#kick();
  }

  #ring(name: string): RingPage {
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
    this.#kicker.close();
    for (const address of this.#pages) unmapFile(address, RING_PAGE_SIZE);
    await this.#daemon.stop();
  }
}
