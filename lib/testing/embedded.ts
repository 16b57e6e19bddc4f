import { type Clock, systemClock } from "../clock.ts";
import { Client } from "../client/client.ts";
import { NoJournal } from "../journal/journal.ts";
import { Daemon } from "../server/start/daemon.ts";
import { type Log, SILENT } from "../server/logging/log.ts";
import { EMBEDDED_POLICY } from "../server/loop.ts";
import { MemoryDomains } from "../server/domains/memory_domains.ts";
import { createListeningSocket } from "../server/process/create_listening_socket.ts";
import { Trace } from "../server/logging/trace.ts";
import type { SimulatedDomains } from "./domains.ts";
import { RingStream } from "./ring_stream.ts";

/** The event channel of every guest: a function call here, whatever its number. */
const GUEST_PORT = 1;

/** How an {@link EmbeddedServer} is set up. */
export interface EmbeddedOptions {
  /** Where to listen; by default in a new directory under the system's temporary one. */
  readonly socket?: string;
  /** Takes the daemon's log; without it, there is none. */
  readonly log?: Log;
  /** What tells the daemon the time: this machine's clock unless a test sets its own. */
  readonly clock?: Clock;
}

/**
 * A Xenstore inside this process, for the tests of programs that use one. It is empty at the
 * start, in memory only, and has its own simulated {@link domains}. Needs the permissions
 * `--allow-ffi`, `--allow-read`, `--allow-write`, `--allow-net` and `--allow-env`.
 *
 * @example Start, use, stop
 * ```ts
 * import { Client, EmbeddedServer } from "@xenstore/xs/testing";
 *
 * await using server = await EmbeddedServer.start();
 * await using client = await Client.connect({ socket: server.socketPath });
 * await client.write("/tool/mine", "1");
 * ```
 *
 * @example Play a guest
 * ```ts
 * import { Client, EmbeddedServer, wait } from "@xenstore/xs/testing";
 *
 * await using server = await EmbeddedServer.start();
 * await using toolstack = await Client.connect({ socket: server.socketPath });
 * using guest = await server.guest(7);
 * await guest.write("state", "4");
 * await wait(toolstack, "/local/domain/7/state = 4");
 * ```
 */
export class EmbeddedServer implements AsyncDisposable {
  /** The simulated hypervisor: domains live and die here. */
  readonly domains: SimulatedDomains;
  readonly #daemon: Daemon;
  readonly #directory: string | null;
  readonly #guests = new Map<number, Client | "opening" | "closed">();

  private constructor(daemon: Daemon, domains: MemoryDomains, directory: string | null) {
    this.#daemon = daemon;
    this.domains = domains;
    this.#directory = directory;
  }

  /**
   * Starts a server; it answers from the moment it is returned.
   *
   * @throws {SocketError} when the socket cannot be opened.
   */
  static async start(options: EmbeddedOptions = {}): Promise<EmbeddedServer> {
    const directory = options.socket === undefined ? await Deno.makeTempDir() : null;
    const domains = new MemoryDomains(), { clock = systemClock } = options;
    try {
      const path = options.socket ?? `${directory}/socket`;
      const daemon = Daemon.start({
        listening: await createListeningSocket({ path, isFallback: false }, clock),
        domains,
        journal: new NoJournal(),
        policy: EMBEDDED_POLICY,
        trace: new Trace(),
        log: options.log ?? SILENT,
        clock,
      });
      return new EmbeddedServer(daemon, domains, directory);
    } catch (error) {
      if (directory !== null) await Deno.remove(directory, { recursive: true });
      throw error;
    }
  }

  /** Where it listens. */
  get socketPath(): string {
    return this.#daemon.socketPath;
  }

  /**
   * A client inside the domain `domid`: it speaks through a ring page, as a guest's kernel does, and has
   * the rights of that domain. The domain is created and introduced, and owns its home
   * `/local/domain/<domid>`. Where a guest of that number was closed before, the domain is a new one, as
   * after a reboot, with the home of the one before.
   *
   * @throws {RangeError} while a guest of that number is open, and for domain 0, which is no guest.
   */
  async guest(domid: number): Promise<Client> {
    if (domid === 0) throw new RangeError("domain 0 is no guest: use the socket");
    if (![undefined, "closed"].includes(this.#guests.get(domid) as string | undefined)) {
      throw new RangeError(`a guest of domain ${domid} is open: close it first`);
    }
    this.#guests.set(domid, "opening");
    try {
      await this.#boot(domid);
    } catch (error) {
      this.#guests.set(domid, "closed");
      throw error;
    }
    const stream = new RingStream(
      (onNotify) => this.domains.guest(domid, onNotify),
      () => this.#guests.set(domid, "closed"),
    );
    const guest = Client.over(stream, `the ring of domain ${domid}`);
    this.#guests.set(domid, guest);
    return guest;
  }

  /** Does what a toolstack does when it starts a domain. */
  async #boot(domid: number): Promise<void> {
    using toolstack = await Client.connect({ socket: this.socketPath });
    if (await toolstack.isDomainIntroduced(domid)) await toolstack.release(domid);
    this.domains.create(domid);
    const home = await toolstack.getDomainPath(domid);
    await toolstack.mkdir(home);
    await toolstack.setPerms(home, [{ domid, access: "n" }]);
    await toolstack.introduce(domid, 0, GUEST_PORT);
  }

  /** Disconnects all clients and guests, and removes the socket. Idempotent. */
  async stop(): Promise<void> {
    for (const guest of this.#guests.values()) if (typeof guest !== "string") guest.close();
    await this.#daemon.stop();
    if (this.#directory === null) return;
    await Deno.remove(this.#directory, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }

  /** As {@link EmbeddedServer.stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
