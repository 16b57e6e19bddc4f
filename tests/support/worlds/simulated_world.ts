import { ERROR, type RingPage } from "../../../lib/transport/ring_page.ts";
import { MessageType } from "../../../lib/wire/message_type.ts";
import { toBytes } from "../../../lib/wire/text.ts";
import { ByteClient } from "../byte_client.ts";
import type { Scenario } from "../conformance/table.ts";
import type { Message } from "../message.ts";
import { type DomainChange, domidOf, type World } from "./world.ts";
import { HangUp, RawClient } from "../raw_client.ts";
import { deadline, PATIENCE_MS } from "../patience.ts";
import type { ServerProcess } from "../process.ts";
import { DEAD, DYING, EXISTS, SHUTDOWN, type SimulatedHost } from "../simulation/simulated_host.ts";

/** Changes nothing; everything queued before its reply has come with it. */
const BARRIER = { type: MessageType.GET_DOMAIN_PATH, txId: 0, payload: toBytes("0\0") };

/** Between two looks at what the daemon has done, in ms. */
const LOOK_MS = 0.5;

const STATES: Readonly<Record<Exclude<DomainChange, "create" | "replace">, number>> = {
  shutdown: EXISTS | SHUTDOWN,
  dying: EXISTS | DYING,
  dead: EXISTS | DYING | DEAD,
  gone: 0,
};

/** Whether a scenario needs a hypervisor: what is only said on sockets is tested elsewhere. */
export function hasGuests({ rows }: Scenario): boolean {
  return rows.some((row) => "code" in row || "domain" in row || domidOf(row[0]) !== null);
}

/** A daemon in a process of its own, on a simulated host: sockets, and guests in shared pages. */
export class SimulatedWorld implements World {
  readonly #host: SimulatedHost;
  readonly #daemon: ServerProcess;
  readonly #sockets = new Map<string, RawClient>();
  readonly #guests = new Map<string, ByteClient>();
  readonly #names: string[] = [];
  /** Those that sent bytes which are no whole messages: nothing can be asked of them. */
  readonly #unframed = new Set<string>();
  #barrier: RawClient | null = null;

  /** Takes over both. A daemon that does nothing for `patienceMs` is taken for hung. */
  constructor(
    readonly name: string,
    host: SimulatedHost,
    daemon: ServerProcess,
    private readonly patienceMs = PATIENCE_MS,
  ) {
    this.#host = host;
    this.#daemon = daemon;
  }

  async open(name: string): Promise<void> {
    if (this.#names.includes(name)) return;
    const domid = domidOf(name);
    if (domid === null) {
      const client = await RawClient.connect(this.#daemon.socketPath);
      this.#sockets.set(name, client);
      // Connections count by age from the moment the daemon has accepted them.
      await client.exchange(BARRIER);
    } else {
      this.#guests.set(
        name,
        new ByteClient(this.#host.guest(domid), letDaemonRun, this.patienceMs),
      );
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
    if (this.#unframed.has(name)) return [];
    const domid = domidOf(name);
    if (domid === null) return (await this.#socket(name).exchange(BARRIER)).slice(0, -1);
    // Nobody answers on the ring of a domain that was released or is ignored.
    if (this.#host.page(domid).load(ERROR) !== 0) return [];
    if (this.#host.boundPort(domid) === 0) return [];
    return await this.#guests.get(name)?.drain() ?? [];
  }

  connections(): readonly string[] {
    return [...this.#names];
  }

  async domain(domid: number, change: DomainChange): Promise<void> {
    if (change === "create" || change === "replace") {
      this.#forget(`g${domid}`);
      this.#host.create(domid);
    } else {
      this.#host.setState(domid, STATES[change]);
    }
    this.#host.raise();
    const end = deadline("the daemon takes its VIRQ");
    while (!this.#host.virqTaken) {
      end.check();
      await letDaemonRun();
    }
    await this.#settle();
  }

  #forget(name: string): void {
    this.#guests.delete(name);
    const at = this.#names.indexOf(name);
    if (at >= 0) this.#names.splice(at, 1);
  }

  /** All that the daemon had heard of before is done: it answers later requests in later turns. */
  async #settle(): Promise<void> {
    this.#barrier ??= await RawClient.connect(this.#daemon.socketPath);
    for (let i = 0; i < 2; i++) await this.#barrier.exchange(BARRIER);
  }

  async raw(name: string, bytes: Uint8Array): Promise<void> {
    this.#unframed.add(name);
    const guest = this.#guests.get(name);
    if (guest === undefined) await this.#socket(name).sendBytes(bytes);
    else await guest.send(bytes);
    await this.#settle();
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
    return Promise.resolve(this.#page(name).load(index));
  }

  async setWords(name: string, words: readonly (readonly [number, number])[]): Promise<void> {
    for (const [index, value] of words) this.#page(name).store(index, value);
    this.#host.kick(domidOf(name) ?? 0);
    await this.#settle();
  }

  #page(name: string): RingPage {
    const domid = domidOf(name);
    if (domid === null) throw new Error(`no ring ${name}`);
    return this.#host.page(domid);
  }

  #socket(name: string): RawClient {
    const client = this.#sockets.get(name);
    if (client === undefined) throw new Error(`no connection ${name}`);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#sockets.values()) client.close();
    this.#barrier?.close();
    await this.#daemon.stop();
    await this.#host[Symbol.asyncDispose]();
  }
}

const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));

/** The daemon is another process: it needs time rather than our turn. A timer would take longer. */
export async function letDaemonRun(): Promise<void> {
  Atomics.wait(nobodyWakes, 0, 0, LOOK_MS);
  await Promise.resolve();
}

/** Whether the server closed the connection, in whichever way the system tells. */
function isHangUp(error: unknown): boolean {
  return error instanceof HangUp || error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe;
}
