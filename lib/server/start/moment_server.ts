import type { Clock } from "../../clock.ts";
import type { State } from "../../engine/state.ts";
import { NoJournal } from "../../journal/journal.ts";
import { adoptTree } from "../../persist/adopt_tree.ts";
import { buildSpecial } from "../../persist/build_state.ts";
import { collectAll } from "../../state/checked_records.ts";
import type { Node, Special } from "../../state/records.ts";
import { NoDomains } from "../domains/no_domains.ts";
import type { Log } from "../logging/log.ts";
import { Trace } from "../logging/trace.ts";
import { EMBEDDED_POLICY } from "../loop.ts";
import { createListeningSocket } from "../process/create_listening_socket.ts";
import { Daemon } from "./daemon.ts";

/** What a {@link MomentServer} serves, and where. */
export interface MomentOptions {
  /** Where it listens: nothing may be there yet. */
  readonly socket: string;
  /** All nodes, parents first, and the specials that are known. */
  readonly nodes: Iterable<Node | Special>;
  /** Those whose values are only their placeholders: a dump that has one fails. */
  readonly hidden: ReadonlySet<string>;
  /** What the program says of its version. */
  readonly version: string;
  readonly log: Log;
  readonly clock: Clock;
}

/**
 * A store as it was at one moment, for any client to look at: what would change it answers EROFS. It has no domains but the
 * control domain, keeps nothing, and takes the place of no daemon, running or dead.
 */
export class MomentServer implements AsyncDisposable {
  readonly #daemon: Daemon;

  private constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  /**
   * Serves from the moment it is returned.
   *
   * @throws {SocketError} when the socket cannot be opened; {@link RecordError} when the nodes are no tree.
   */
  static async start(options: MomentOptions): Promise<MomentServer> {
    const { clock, hidden, log, socket: path, version } = options;
    // Before there is a socket.
    const journal = new MomentJournal(options.nodes);
    const choice = { path, isFallback: false, named: "--socket", isNew: true } as const;
    const listening = await createListeningSocket(choice, clock);
    try {
      const daemon = Daemon.start({
        listening,
        domains: new NoDomains(log),
        journal,
        readOnly: true,
        hidden,
        policy: EMBEDDED_POLICY,
        trace: new Trace(),
        identity: { version, keeping: { persist: "none", path: null } },
        log,
        clock,
      });
      return new MomentServer(daemon);
    } catch (error) {
      listening.close();
      throw error;
    }
  }

  /** Settles when it has ended. */
  get finished(): Promise<void> {
    return this.#daemon.finished;
  }

  /** Disconnects all clients and removes the socket; a second time does nothing more. */
  async stop(): Promise<void> {
    await this.#daemon.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Brings the nodes of a moment, and keeps nothing. */
class MomentJournal extends NoJournal {
  readonly #moment: ReturnType<typeof collectAll>;

  constructor(nodes: Iterable<Node | Special>) {
    super();
    this.#moment = collectAll(nodes);
  }

  override recover(state?: State): null {
    if (state === undefined) return null;
    const { specials, tree } = this.#moment;
    for (const special of specials.values()) buildSpecial(state, special);
    adoptTree(state, tree);
    return null;
  }
}
