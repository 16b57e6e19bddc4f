import { type Clock, systemClock } from "../clock.ts";
import { NoJournal } from "../journal/journal.ts";
import { Daemon } from "../server/start/daemon.ts";
import { type Log, SILENT } from "../server/logging/log.ts";
import { EMBEDDED_POLICY } from "../server/loop.ts";
import { MemoryDomains } from "../server/domains/memory_domains.ts";
import { createListeningSocket } from "../server/process/create_listening_socket.ts";
import { Trace } from "../server/logging/trace.ts";

/** How an {@link EmbeddedServer} is set up. */
export interface EmbeddedOptions {
  /** Where to listen; by default in a new directory under the system's temporary one. */
  readonly socket?: string;
  /** Takes its messages; by default nobody does. */
  readonly log?: Log;
  /** This machine's unless told. */
  readonly clock?: Clock;
}

/**
 * A Xenstore inside this process, for the tests of programs that speak to one. It is empty at the
 * start, in memory only, and has its own simulated {@link domains}. Needs `--allow-ffi`.
 *
 * @example Start, use, stop
 * ```ts
 * import { EmbeddedServer } from "./embedded.ts";
 *
 * await using server = await EmbeddedServer.start();
 * using connection = await Deno.connect({ transport: "unix", path: server.socketPath });
 * // READ "/tool": type 2, request 1, no transaction, 6 bytes of payload.
 * await connection.write(new Uint8Array(
 *   [2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 47, 116, 111, 111, 108, 0],
 * ));
 * const reply = new Uint8Array(16);
 * await connection.read(reply);
 * if (reply[0] !== 2) throw new Error("not a reply to READ");
 * ```
 */
export class EmbeddedServer implements AsyncDisposable {
  /** The simulated hypervisor: make domains here, introduce them through the socket. */
  readonly domains: MemoryDomains;
  readonly #daemon: Daemon;
  readonly #directory: string | null;

  private constructor(daemon: Daemon, domains: MemoryDomains, directory: string | null) {
    this.#daemon = daemon;
    this.domains = domains;
    this.#directory = directory;
  }

  /**
   * Starts a server; it answers from the moment it is returned.
   *
   * @throws {SocketError} when the socket can't be had.
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

  /** Hangs up all clients and removes the socket; a second time does nothing more. */
  async stop(): Promise<void> {
    await this.#daemon.stop();
    if (this.#directory === null) return;
    await Deno.remove(this.#directory, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
