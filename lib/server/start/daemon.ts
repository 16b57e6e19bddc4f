import { type Clock, type Timer, wallDate } from "../../clock.ts";
import { EPOLLIN } from "../../../ffi/epoll.ts";
import { Engine } from "../../engine/engine.ts";
import { UNITS_PER_MS } from "../../engine/work_meter.ts";
import type { Journal } from "../../journal/journal.ts";
import type { Beginning } from "../../engine/process_status.ts";
import type { QuotaSetting } from "../../engine/quotas.ts";
import { EVENT_TIMEOUT_MS, MEMORY_LOOK_MS } from "../../limits.ts";
import { LogAndMemoryControl } from "../process/log_and_memory_control.ts";
import type { DaemonHistory } from "../history/daemon_history.ts";
import { HistoryQueries } from "../jobs/history_queries.ts";
import { JobQueue } from "../jobs/job_queue.ts";
import type { HeldSockets } from "../supervision/held_sockets.ts";
import { countsOf } from "../../engine/status.ts";
import type { Heartbeat } from "../process/heartbeat.ts";
import type { HostedDomains } from "../domains/hosted_domains.ts";
import { type Inheritance, takeOver } from "../live_update/take_over.ts";
import { LiveUpdater, type Succession } from "../live_update/update_actions.ts";
import type { Log } from "../logging/log.ts";
import { type EventSink, Loop, type LoopPolicy } from "../loop.ts";
import type { Peer } from "../peer/peer.ts";
import type { GoneReason } from "../peer/peer_host.ts";
import type { Keeping, ProcessFacts } from "../process/read_process_status.ts";
import { collectAll, MemoryReturn, storedBytes } from "../process/give_back_memory.ts";
import type { OutOfMemoryDeaths } from "../process/out_of_memory_deaths.ts";
import type { ListeningSocket } from "../process/listening_socket.ts";
import { Sockets } from "../peer/sockets.ts";
import { resumeStore } from "../persistence/resume_store.ts";
import { Streams } from "../stream/streams.ts";
import type { Trace } from "../logging/trace.ts";
import { Turns } from "../scheduler.ts";
import { counted } from "../../wire/counted.ts";

/** Which program serves, and how it keeps its store. */
export interface Identity {
  readonly version: string;
  readonly keeping: Keeping;
}

const EMBEDDED: Identity = { version: "embedded", keeping: { persist: "none", path: null } };

/** What a daemon is made of. */
export interface DaemonParts {
  /** Where clients come in: open, but nobody is accepted before all is in place. */
  readonly listening: ListeningSocket;
  /** Where clients come in that may only look; missing where none do. */
  readonly readers?: ListeningSocket;
  readonly domains: HostedDomains;
  readonly journal: Journal;
  readonly policy: LoopPolicy;
  readonly trace: Trace;
  /** What the command line said of what CONTROL can set, too. */
  readonly configured?: ReadonlyMap<string, string>;
  readonly log: Log;
  readonly clock: Clock;
  /** Keeps what was done; null or missing where nobody does. */
  readonly history?: DaemonHistory | null;
  /** Clients can only look. */
  readonly readOnly?: boolean;
  /** Nodes of which only the length of the value is known: no dump has them. */
  readonly hidden?: ReadonlySet<string>;
  /** The domain that the daemon runs in, for which its sockets' clients speak; 0 by default. */
  readonly storeDomid?: number;
  /** The domain with all rights; 0 by default. */
  readonly privDomid?: number;
  /** What `xs status` tells of the program and of its store; of an embedded one nothing. */
  readonly identity?: Identity;
  /** Nodes of a dead domain fall to the privileged one instead of going. */
  readonly keepOrphans?: boolean;
  /** Quotas of new domains, where they are not the usual ones. */
  readonly quotas?: readonly QuotaSetting[];
  /** How long an event may wait to be read by its guest, in ms; 0 for ever. */
  readonly eventTimeoutMs?: number;
  /** Says whether the lives before died for lack of memory; missing where nothing is kept. */
  readonly mark?: OutOfMemoryDeaths;
  /** How much all that clients have us keep may take, in bytes of the memory model. */
  readonly memory?: number;
  /** Where a holder keeps the clients' sockets while we are dead. */
  readonly held?: HeldSockets | null;
  /** How another daemon can take this one's place; missing where none can. */
  readonly succession?: Succession;
  /** What the daemon that was here before has left. */
  readonly inheritance?: Inheritance;
}

/** What tells how the process is, from now on. */
function factsOf(
  { clock, history = null, identity = EMBEDDED, journal }: DaemonParts,
  turns: Turns,
  beginning: Beginning,
): () => ProcessFacts {
  const { keeping, version } = identity;
  const since = clock.now(), at = wallDate(clock).toISOString();
  return () => ({
    version,
    keeping,
    uptimeMs: clock.now() - since,
    since: at,
    beginning,
    history: history?.status() ?? null,
    journalBytes: journal.pendingBytes,
    turns: turns.count,
    units: turns.units,
  });
}

/** A running daemon: engine, turns, socket and loop, wired up. */
export class Daemon {
  readonly engine: Engine;
  readonly turns: Turns;
  /** Settles when the daemon has ended; rejects if an internal error ended it. */
  readonly finished: Promise<void>;
  readonly #parts: DaemonParts;
  readonly #loop: Loop;
  readonly #sockets: Sockets;

  private constructor(
    parts: DaemonParts,
    engine: Engine,
    turns: Turns,
    loop: Loop,
    sockets: Sockets,
    /** How it came up. */
    readonly beginning: Beginning,
  ) {
    const { domains } = parts;
    const { epoll } = loop;
    this.#parts = parts;
    this.engine = engine;
    this.turns = turns;
    this.#loop = loop;
    this.#sockets = sockets;
    if (domains.wakeups !== undefined) epoll.add(domains.wakeups.fd, EPOLLIN);
    turns.onGone = (peer, reason) => this.#gone(peer, reason);
    this.finished = this.#run();
  }

  /**
   * Serves from the moment it returns.
   *
   * @throws {Error} when the store or the domains' world is not as it must be; the listening
   *   socket then stays open, for another attempt.
   */
  static start(parts: DaemonParts): Daemon {
    const { clock, domains, journal, listening, log, trace, storeDomid = 0, privDomid = 0 } = parts;
    const { history = null, inheritance, keepOrphans = false, quotas = [], succession } = parts;
    // What is asked of these is asked by the privileged domain's clients, at its expense.
    const adminLog: Log = (level, text) => turns.tell(level, privDomid, text);
    const admin = new LogAndMemoryControl(trace, adminLog, parts.configured);
    const { dirty } = journal;
    const engine = new Engine({
      ...{ domains, storeDomid, privDomid, keepOrphans, log, admin },
      readOnly: parts.readOnly ?? false,
      ...(dirty === null ? {} : { dirty }),
      ...(history === null ? {} : { listener: history.listener }),
    });
    for (const { name, value } of quotas) engine.state.domains.quotas.set(name, value);
    const turns = new Turns(engine, journal, trace, log, history);
    // An embedded one measures nothing: where it is, that would cost five times as much.
    if (parts.identity !== undefined) turns.times.stopwatch = clock.now;
    turns.stream.root = () => engine.state.tree.root;
    history?.attach(engine.state);
    engine.state.memory.max = parts.memory ?? Infinity;
    turns.expiry.timeoutMs = parts.eventTimeoutMs ?? EVENT_TIMEOUT_MS;
    const loop = new Loop(turns, parts.policy, clock);
    const sockets = new Sockets(
      listening.fd,
      loop.epoll,
      turns,
      engine,
      storeDomid,
      log,
      clock,
      parts.held,
      parts.readers?.fd,
    );
    if (succession !== undefined) {
      const { state } = engine, listener = listening.fd;
      const given = { state, domains, journal, sockets, listener, clock, log: adminLog };
      admin.liveUpdate = new LiveUpdater(given, succession, turns, listening.path);
    }
    const { version } = parts.identity ?? EMBEDDED;
    const streams = new Streams(turns.stream, loop.epoll, { version, pid: Deno.pid });
    admin.streams = sockets.streams = streams;
    admin.archive = new JobQueue(engine.state, turns, journal, adminLog, clock, parts.hidden);
    if (history !== null) {
      const { meter } = engine.state;
      admin.history = new HistoryQueries({ keeper: history, meter, clock, log: adminLog });
    }
    try {
      // Who is accepted finds all domains there.
      domains.attach(turns, engine);
      const beginning = inheritance === undefined
        ? resumeStore(engine, domains, journal, log, clock, sockets, parts.mark)
        : takeOver({ engine, domains, journal, sockets, clock, log }, inheritance);
      admin.facts = factsOf(parts, turns, beginning);
      sockets.open();
      // That it has begun is to be recorded, too.
      turns.tick();
      return new Daemon(parts, engine, turns, loop, sockets, beginning);
    } catch (error) {
      loop.discard();
      domains.wakeups?.release();
      journal.close();
      history?.close();
      throw error;
    }
  }

  /** Where it listens. */
  get socketPath(): string {
    return this.#parts.listening.path;
  }

  /** How it is, in a line for people. */
  get summary(): string {
    const { domains, clients } = countsOf(this.engine.state);
    return `serving ${this.socketPath}: ${counted(domains, "domain")}, ${
      counted(clients, "client")
    }`;
  }

  /** What tells that it is alive. */
  set heartbeat(heartbeat: Heartbeat | null) {
    this.#loop.heartbeat = heartbeat;
  }

  /** Ends orderly: removes the socket, disconnects the clients. Resolves when all is done. */
  async stop(): Promise<void> {
    this.#loop.stop();
    await this.finished;
  }

  /** Looks at the memory of a process of its own, now and then. */
  #lookAtMemory(): Timer | undefined {
    const { clock, history, identity, journal, mark } = this.#parts, { engine, turns } = this;
    if (identity === undefined) return undefined;
    const memoryReturn = new MemoryReturn(() => storedBytes(engine.state), () => {
      journal.dropSpare();
      history?.dropSpare();
      collectAll(clock);
    });
    return clock.every(MEMORY_LOOK_MS, () => {
      const now = clock.now();
      mark?.look(now);
      const keepsOld = (history?.history?.unfinished ?? null) !== null;
      memoryReturn.look(now, Deno.memoryUsage().rss, turns.units / UNITS_PER_MS, keepsOld);
    });
  }

  async #run(): Promise<void> {
    const { mark } = this.#parts;
    const look = this.#lookAtMemory();
    let failed = true;
    try {
      await this.#loop.run(this.#sink());
      failed = false;
    } finally {
      look?.cancel();
      if (!failed) mark?.end();
      this.engine.state.admin.archive?.close();
      // An internal error is a death like any other: who holds the clients has them go on.
      if (!failed || (this.#parts.held ?? null) === null) {
        this.#parts.listening.close();
        this.#parts.readers?.close();
        this.#sockets.close();
      }
      this.#parts.domains.wakeups?.release();
      this.#parts.journal.close();
      this.#parts.history?.close();
      this.#parts.trace.close();
    }
  }

  /** The loop's events go to the domains' wake-ups or to the sockets, by their descriptor. */
  #sink(): EventSink {
    const sockets = this.#sockets;
    const { wakeups } = this.#parts.domains;
    if (wakeups === undefined) return sockets;
    return {
      event: (fd, events) => fd === wakeups.fd ? wakeups.take() : sockets.event(fd, events),
      eventsDone: () => sockets.eventsDone(),
    };
  }

  #gone(peer: Peer, reason: GoneReason): void {
    if (peer.kind === "socket") return this.#sockets.gone(peer, reason);
    const what = reason === "oversize"
      ? "it sent a message longer than 4096 bytes"
      : reason === "failed"
      ? "an internal error"
      : "its ring's indices are more than 1024 bytes apart";
    const { domid, label } = peer.connection;
    this.turns.tell("warning", domid, `${label}: ignored until introduced again: ${what}`);
    this.#parts.domains.gone(peer);
  }
}
