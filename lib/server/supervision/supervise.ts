import type { Clock } from "../../clock.ts";
import { bindDatagram, sendDatagram } from "../../../ffi/datagram.ts";
import { Epoll, EPOLLIN } from "../../../ffi/epoll.ts";
import { receiveWithDescriptors } from "../../../ffi/fd_passing.ts";
import { type ChildEnd, openPidFd, reap, spawn } from "../../../ffi/spawn.ts";
import { closeFd } from "../../../ffi/unix_socket.ts";
import {
  ACCEPT_RETRY_MS,
  BLOCKING_WAIT_MS,
  HELD_DESCRIPTORS_MAX,
  JS_TURN_MS,
  LINGER_MS,
  PASSED_MAX,
  RESTARTS_WITHIN_MS,
} from "../../limits.ts";
import { FolderError, LockedFolder } from "../../journal/locked_folder.ts";
import { forOption } from "../../wire/system_error.ts";
import { Acceptor } from "./acceptor.ts";
import { type HeldDescriptor, HeldDescriptors, parseNotice } from "./descriptor_store.ts";
import { SUPERVISED } from "./holder_client.ts";
import { type Log, type LogOptions, message, openLog } from "../logging/log.ts";
import { REFUSED } from "../process/notify.ts";
import { PidFile } from "../process/pid_file.ts";
import { Restarts, type Verdict } from "./restarts.ts";
import { syslog } from "../logging/syslog.ts";

/** What `xs serve --supervise` is told. */
export interface SuperviseOptions extends LogOptions {
  /** The program that runs the daemon, and its words, with its name. */
  readonly program: string;
  readonly words: readonly string[];
  /** Deaths within a minute after which it gives up; 0 for never. */
  readonly restarts: number;
  /** Wait before the second restart in a row, in ms; doubled each time. */
  readonly restartDelay: number;
  readonly syslog?: boolean;
  readonly pidFile?: string;
  readonly clock: Clock;
}

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Names of the signals that programs die of. */
const SIGNAL_NAMES: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  4: "SIGILL",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  15: "SIGTERM",
};

/** Descriptors of our own, and room for one that comes. */
const OWN_DESCRIPTORS = 64;

/** What we pass on to who started us, of what the daemon tells. */
const FORWARDED = [
  "READY",
  "STATUS",
  "RELOADING",
  "STOPPING",
  "MONOTONIC_USEC",
  "WATCHDOG",
  "WATCHDOG_USEC",
];

/**
 * Runs the daemon as a child, keeps what descriptors it gives us, and starts it again with them
 * when it has died. Resolves to an exit status when it has ended for good.
 *
 * @throws {Error} when the pid file or the log cannot be opened, or the kernel is too old.
 */
export async function supervise(options: SuperviseOptions): Promise<number> {
  const fileLog = openLog(options, options.clock);
  const log = options.syslog === true ? syslog(options, options.clock) : fileLog.log;
  let pidFile: PidFile | null = null;
  try {
    if (options.pidFile !== undefined) {
      const { pidFile: path } = options;
      pidFile = forOption("--pid-file", path, () => PidFile.write(path));
    }
    const supervisor = new Supervisor(options, log, () => fileLog.reopen());
    try {
      return await supervisor.run();
    } finally {
      supervisor.close();
    }
  } finally {
    pidFile?.remove();
    fileLog.close();
  }
}

class Supervisor {
  readonly #options: SuperviseOptions;
  readonly #log: Log;
  readonly #held: HeldDescriptors;
  readonly #capacity: number;
  readonly #acceptor: Acceptor;
  readonly #epoll = new Epoll(4);
  /** Nobody else may fill our queue, for which the daemon would have to wait. */
  readonly #folder = makeFolder();
  readonly #address = `${this.#folder.path}/notify`;
  readonly #notices = bindDatagram(this.#address);
  readonly #handlers: readonly (readonly [Deno.Signal, () => void])[];
  #pid = 0;
  #life = 0;
  #served = false;
  #refused = false;
  #stopping = false;
  /** Ends a wait between two lives. */
  #wake: () => void = () => {};

  constructor(options: SuperviseOptions, log: Log, reopenLog: () => void) {
    this.#options = options;
    this.#log = log;
    const room = (openFilesMax() - OWN_DESCRIPTORS) >> 1;
    this.#capacity = Math.min(HELD_DESCRIPTORS_MAX, room - PASSED_MAX);
    this.#held = new HeldDescriptors(this.#capacity + PASSED_MAX, log, options.clock);
    this.#acceptor = new Acceptor(this.#held, this.#epoll, log);
    this.#epoll.add(this.#notices, EPOLLIN);
    this.#handlers = SIGNALS.map((signal) => [signal, () => this.#signal(signal, reopenLog)]);
    for (const [signal, handler] of this.#handlers) Deno.addSignalListener(signal, handler);
  }

  close(): void {
    for (const [signal, handler] of this.#handlers) Deno.removeSignalListener(signal, handler);
    this.#held.close();
    this.#epoll.close();
    closeFd(this.#notices);
    this.#folder[Symbol.dispose]();
  }

  /** The daemon hears what we hear. */
  #signal(signal: Deno.Signal, reopenLog: () => void): void {
    if (signal === "SIGHUP") reopenLog();
    else this.#stopping = true;
    if (this.#pid !== 0) Deno.kill(this.#pid, signal);
    this.#wake();
  }

  async run(): Promise<number> {
    const { clock, restartDelay, restarts } = this.#options;
    const policy = new Restarts(restarts, restartDelay);
    for (;;) {
      const started = clock.now();
      const end = await this.#live();
      const now = clock.now();
      const life = { ...end, served: this.#served, refused: this.#refused };
      const verdict = policy.after(life, now, this.#stopping);
      this.#tell(end, now - started, verdict);
      if ("end" in verdict) return verdict.end;
      await this.#pause(verdict.delayMs);
      if (this.#stopping) return 0;
    }
  }

  /** From the daemon's start to its death. */
  async #live(): Promise<ChildEnd> {
    this.#life++;
    this.#served = false;
    this.#refused = false;
    const pid = this.#spawn();
    if (pid === null) return { signal: null, status: 1 };
    this.#pid = pid;
    const pidFd = openPidFd(pid);
    this.#epoll.add(pidFd, EPOLLIN);
    try {
      for (;;) {
        await this.#epoll.park(this.#acceptor.waits ? ACCEPT_RETRY_MS : -1);
        await this.#linger(pid);
        const end = reap(pid);
        // All that it had to say is there: what it gave us last counts, too.
        if (end !== null) this.#takeNotices(pid);
        if (end !== null) return end;
      }
    } finally {
      this.#pid = 0;
      this.#acceptor.close();
      this.#epoll.remove(pidFd);
      closeFd(pidFd);
    }
  }

  /** Takes what comes until there has been nothing for a while: to park takes long to wake from. */
  async #linger(pid: number): Promise<void> {
    const { clock } = this.#options;
    let trafficAt = clock.now();
    for (let due = trafficAt + JS_TURN_MS;;) {
      const count = this.#epoll.wait(BLOCKING_WAIT_MS);
      const now = clock.now();
      if (this.#acceptor.waits) this.#acceptor.work();
      for (let i = 0; i < count; i++) {
        const fd = this.#epoll.fd(i);
        if (fd === this.#notices) this.#takeNotices(pid);
        else if (this.#acceptor.watches(fd)) this.#acceptor.accept();
        // Its end.
        else return;
      }
      if (count > 0) trafficAt = now;
      else if (now - trafficAt >= LINGER_MS) return;
      if (now < due) continue;
      await new Promise((resolve) => void setImmediate(resolve));
      due = clock.now() + JS_TURN_MS;
    }
  }

  /**
   * Starts a daemon. If one has run before, want of memory or of its file may pass: null then, and
   * its clients wait for the next attempt.
   */
  #spawn(): number | null {
    const { program, words } = this.#options;
    const channel = this.#acceptor.open();
    const given = [...this.#held.all, channel];
    const fds = given.map(({ fd }) => fd);
    try {
      return spawn({ path: program, argv: words, env: this.#environment(given), fds });
    } catch (error) {
      this.#acceptor.close();
      if (this.#life === 1) throw error;
      this.#log("error", message(error));
      return null;
    } finally {
      closeFd(channel.fd);
    }
  }

  #environment(given: readonly HeldDescriptor[]): Record<string, string> {
    const inherited = Deno.env.toObject();
    // Those of who started us are meant for us; the daemon's signs of life go on to them.
    for (const name of ["LISTEN_PID", "WATCHDOG_PID"]) delete inherited[name];
    return {
      ...inherited,
      NOTIFY_SOCKET: this.#address,
      FDSTORE: String(this.#capacity),
      LISTEN_FDS: String(given.length),
      LISTEN_FDNAMES: given.map(({ name }) => name).join(":"),
      [SUPERVISED]: `${Deno.pid}:${this.#life}`,
    };
  }

  #takeNotices(pid: number): void {
    for (;;) {
      const message = receiveWithDescriptors(this.#notices);
      if (message === null) return;
      // Others may send here: only the daemon is listened to.
      const notice = parseNotice(message.pid === pid ? message.text : "");
      this.#acceptor.apply(notice);
      this.#held.apply(notice, message);
      if (notice.get("READY") === "1") this.#served = true;
      if (notice.get(REFUSED) === "1") this.#refused = true;
      this.#forward(notice);
    }
  }

  #forward(notice: ReadonlyMap<string, string>): void {
    const outer = Deno.env.get("NOTIFY_SOCKET") ?? "";
    const lines = FORWARDED.filter((name) => notice.has(name))
      .map((name) => `${name}=${notice.get(name)}\n`);
    if (outer === "" || lines.length === 0) return;
    // A daemon in the background is not the process that was started.
    sendDatagram(outer, `${lines.join("")}MAINPID=${Deno.pid}\n`);
  }

  #tell(end: ChildEnd, livedMs: number, verdict: Verdict): void {
    const signal = end.signal === null ? null : SIGNAL_NAMES[end.signal] ?? `signal ${end.signal}`;
    const how = signal === null ? `ended with status ${end.status}` : `was killed by ${signal}`;
    const what = `the daemon ${how} after ${(livedMs / 1000).toFixed(1)} s`;
    const within = `within ${RESTARTS_WITHIN_MS / 1000} s`;
    if ("deaths" in verdict) {
      const when = verdict.delayMs === 0 ? "at once" : `in ${verdict.delayMs} ms`;
      this.#log("warning", `${what}: started again ${when} (death ${verdict.deaths} ${within})`);
    } else if (verdict.gaveUp) {
      const many = `${this.#options.restarts} deaths ${within}`;
      this.#log("error", `${what}: given up after ${many}; its clients are disconnected`);
    } else if (end.signal !== null) {
      this.#log("warning", what);
    }
  }

  #pause(ms: number): Promise<void> {
    if (ms === 0 || this.#stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(ms, resolve);
      this.#wake = () => {
        if (!this.#stopping) return;
        timer.cancel();
        resolve();
      };
    });
  }
}

/** A prefix of its own: earlier versions did not lock the folders with theirs. */
const FOLDER_PREFIX = "xs-supervisor-";

/** A folder for this user alone, where files of the present boot lie if we may write there. */
function makeFolder(): LockedFolder {
  for (const dir of ["/run", Deno.env.get("XDG_RUNTIME_DIR")]) {
    try {
      if (dir !== undefined) return LockedFolder.make(FOLDER_PREFIX, dir);
    } catch (error) {
      // The next may do.
      if (!(error instanceof FolderError)) throw error;
    }
  }
  return LockedFolder.make(FOLDER_PREFIX);
}

/** How many descriptors this process may have. */
function openFilesMax(): number {
  const match = /^Max open files +(\d+)/m.exec(Deno.readTextFileSync("/proc/self/limits"));
  return match === null ? 1024 : Number(match[1]);
}
