import { Engine } from "../../../lib/engine/engine.ts";
import { NoJournal } from "../../../lib/journal/journal.ts";
import { MemoryDomains } from "../../../lib/server/domains/memory_domains.ts";
import { Peer } from "../../../lib/server/peer/peer.ts";
import { Trace } from "../../../lib/server/logging/trace.ts";
import { Turns } from "../../../lib/server/scheduler.ts";
import { ERROR, type RingPage } from "../../../lib/transport/ring_page.ts";
import { MemoryTransport } from "../memory_transport.ts";
import type { GuestRing } from "../../../lib/transport/ring.ts";
import { MessageType } from "../../../lib/wire/message_type.ts";
import { toBytes } from "../../../lib/wire/text.ts";
import { ByteClient } from "../byte_client.ts";
import { changeDomain } from "./change_domain.ts";
import type { Message } from "../message.ts";
import { type DomainChange, domidOf, type World } from "./world.ts";

/** Turns in a row before the daemon is taken to be busy for ever. */
const TURNS_MAX = 100_000;

/**
 * The daemon without socket and loop, turned by hand. `s` is dom0's own ring, as its kernel has
 * one; `s2` and further are sockets in memory; the guests have rings.
 */
export class RingWorld implements World {
  readonly name = "ring";
  readonly #domains = new MemoryDomains();
  readonly #engine = new Engine({ domains: this.#domains });
  readonly #turns = new Turns(this.#engine, new NoJournal(), new Trace(), () => {});
  readonly #clients = new Map<string, ByteClient>();
  readonly #rings = new Map<string, GuestRing>();
  /** Streams on which unframed bytes were sent: no barrier may go into the middle of them. */
  readonly #unframed = new Set<string>();
  readonly #hungUp = new Set<string>();
  #now = 0;

  constructor() {
    this.#domains.attach(this.#turns, this.#engine);
    this.#turns.onGone = (peer) => {
      if (peer.kind === "ring") return this.#domains.gone(peer);
      this.#hungUp.add(peer.connection.label);
      this.#engine.disconnect(peer.connection);
      peer.close();
    };
  }

  #settle(): void {
    for (let turns = 0; this.#turns.pending; turns++) {
      if (turns > TURNS_MAX) throw new Error("the daemon never comes to rest");
      this.#turns.turn(++this.#now);
    }
  }

  async open(name: string): Promise<void> {
    if (this.#clients.has(name)) return;
    if (name === "s") await this.#introduceDom0();
    const domid = name === "s" ? 0 : domidOf(name);
    this.#clients.set(name, domid === null ? this.#openSocket(name) : this.#openRing(name, domid));
  }

  /** As the daemon's start does it on a Xen host. */
  async #introduceDom0(): Promise<void> {
    const first = this.#openSocket("boot");
    const reply =
      (await first.request(MessageType.INTRODUCE, toBytes("0.1.5.".replaceAll(".", "\0")), 0)).at(
        -1,
      );
    if (reply?.text !== "OK\0") throw new Error(`dom0's ring: ${reply?.text}`);
    first.end.close();
    this.#settle();
  }

  #openSocket(name: string): ByteClient {
    const [near, far] = MemoryTransport.pair();
    const peer = new Peer("socket", this.#clients.size, near, this.#turns);
    near.onChange = () => this.#turns.ready(peer);
    const spec = { kind: "socket", domid: 0, label: name, outbox: peer } as const;
    peer.connection = this.#engine.connect(spec);
    return new ByteClient(far, () => this.#settle());
  }

  #openRing(name: string, domid: number): ByteClient {
    const ring = this.#domains.guest(domid);
    this.#rings.set(name, ring);
    return new ByteClient(ring, () => this.#settle());
  }

  request(name: string, type: number, payload: Uint8Array, txId: number): Promise<Message[]> {
    this.#unframed.delete(name);
    return this.#client(name).request(type, payload, txId);
  }

  async drain(name: string): Promise<Message[]> {
    const domid = domidOf(name);
    // Nobody answers on the ring of a domain that was released or is ignored.
    if (domid !== null && this.#domains.portOf(domid) === null) return [];
    if (this.#unframed.has(name) || this.#rings.get(name)?.page.load(ERROR)) return [];
    return await this.#client(name).drain();
  }

  connections(): readonly string[] {
    return [...this.#clients.keys()].filter((name) => !this.#hungUp.has(name));
  }

  domain(domid: number, change: DomainChange): Promise<void> {
    if (change === "create" || change === "replace") this.#clients.delete(`g${domid}`);
    changeDomain(this.#domains, domid, change);
    this.#settle();
    return Promise.resolve();
  }

  async raw(name: string, bytes: Uint8Array): Promise<void> {
    this.#unframed.add(name);
    await this.#client(name).send(bytes);
    this.#settle();
  }

  hungUp(name: string): Promise<boolean> {
    return Promise.resolve(this.#hungUp.has(name) && this.#client(name).ended);
  }

  word(name: string, index: number): Promise<number> {
    return Promise.resolve(this.#ring(name).page.load(index));
  }

  setWords(name: string, words: readonly (readonly [number, number])[]): Promise<void> {
    const ring = this.#ring(name);
    for (const [index, value] of words) ring.page.store(index, value);
    ring.kick();
    this.#settle();
    return Promise.resolve();
  }

  /** The page of a guest's ring, to do with what a hostile guest might. */
  page(name: string): RingPage {
    return this.#ring(name).page;
  }

  /** Forgets what was half read on a ring: the guest starts again. */
  reopen(name: string): void {
    const domid = domidOf(name);
    if (domid === null) throw new Error(`${name} is no ring`);
    this.#clients.set(name, this.#openRing(name, domid));
    this.#unframed.delete(name);
  }

  #ring(name: string): GuestRing {
    const ring = this.#rings.get(name);
    if (ring === undefined) throw new Error(`no ring ${name}`);
    return ring;
  }

  #client(name: string): ByteClient {
    const client = this.#clients.get(name);
    if (client === undefined) throw new Error(`no connection ${name}`);
    return client;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
