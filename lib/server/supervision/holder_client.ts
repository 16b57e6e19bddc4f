import { connectDatagram } from "../../../ffi/datagram.ts";
import { DescriptorMessage, sendWithDescriptor } from "../../../ffi/fd_passing.ts";
import { EAGAIN, errorText } from "../../../ffi/libc.ts";
import { keepOnExec } from "../../../ffi/exec.ts";
import { closeFd } from "../../../ffi/unix_socket.ts";
import { HOLDER_WAIT_MS } from "../../limits.ts";
import { takeInherited, type Variables } from "./inherited_descriptors.ts";
import type { Log } from "../logging/log.ts";
import { NOTICE, type Passer, PREFIX } from "./passed_connections.ts";

/** The first descriptor that a holder gives back (sd_listen_fds(3)). */
const LISTEN_FDS_START = 3;

/**
 * Says to a daemon who supervises it, by process id, and how many daemons came before it: its descriptors
 * are then meant for it, although their LISTEN_PID could not be known before it was started.
 */
export const SUPERVISED = "XS_SUPERVISED";

/** Who keeps descriptors for us across our death: systemd, or our own supervisor. */
export class Holder implements Passer {
  /** How many descriptors it takes. */
  readonly capacity: number;
  readonly #socket: number;
  readonly #given: Map<string, number>;
  readonly #log: Log;
  #failed = false;
  /** It does not even listen any more. */
  gone = false;

  private constructor(
    capacity: number,
    socket: number,
    given: Map<string, number>,
    log: Log,
  ) {
    this.capacity = capacity;
    this.#socket = socket;
    this.#given = given;
    this.#log = log;
  }

  /**
   * Finds the holder that the environment names, with what it kept for us: $FDSTORE says how many
   * descriptors it takes, $NOTIFY_SOCKET where it listens. Null without one.
   */
  static find(env: Variables, log: Log): Holder | null {
    const given = takeGiven(env);
    const path = env.get("NOTIFY_SOCKET") ?? "";
    const capacity = Number(env.get("FDSTORE") ?? 0);
    const supervisor = supervision(env);
    // The address of one that has died is anybody's to take, who would then be given our clients.
    const isThere = supervisor === null || supervisor.pid === Deno.ppid;
    const isOffered = isThere && path !== "" && Number.isSafeInteger(capacity) && capacity > 0;
    if (!isThere) {
      log("warning", "our supervisor is gone: our clients' connections are not held any more");
    }
    const socket = isOffered ? connectDatagram(path, HOLDER_WAIT_MS) : 0;
    if (socket > 0) return new Holder(capacity, socket, given, log);
    if (socket < 0) log("warning", `cannot reach '${path}': ${errorText(-socket)}`);
    for (const fd of given.values()) closeFd(fd);
    return null;
  }

  /** What it kept under a name that has not been taken yet; ours to close. */
  take(name: string): number | null {
    const fd = this.#given.get(PREFIX + name);
    if (fd === undefined) return null;
    this.#given.delete(PREFIX + name);
    return fd;
  }

  /** The names of what has not been taken. */
  get names(): string[] {
    return [...this.#given.keys()].map((name) => name.slice(PREFIX.length));
  }

  /** Lets it keep a descriptor; false when it cannot be reached. */
  store(name: string, fd: number): boolean {
    return this.prepare(name)(fd);
  }

  /** Makes ready to do that as soon as there is a descriptor. */
  prepare(name: string): (fd: number) => boolean {
    // It must not release a disconnected client by itself: what that has sent is still there.
    const message = new DescriptorMessage(`FDSTORE=1\nFDNAME=${PREFIX}${name}\nFDPOLL=0\n`);
    return (fd) => this.#judge(message.send(this.#socket, fd));
  }

  /** Lets it close what it keeps under a name. */
  remove(name: string): void {
    this.#send(`FDSTOREREMOVE=1\nFDNAME=${PREFIX}${name}\n`);
  }

  /** Says by which name it is to hold what it has passed to us; false when it cannot be reached. */
  rename(from: string, to: string): boolean {
    return this.#send(`${NOTICE.taken}=${PREFIX}${from}\nFDNAME=${PREFIX}${to}\n`);
  }

  accept(listener: string | null): void {
    this.#send(`${NOTICE.accept}=${listener === null ? "" : PREFIX + listener}\n`);
  }

  again(name: string): void {
    this.#send(`${NOTICE.again}=${name}\n`);
  }

  #send(text: string): boolean {
    return this.#judge(sendWithDescriptor(this.#socket, text, null));
  }

  #judge(code: number): boolean {
    if (code === 0) return true;
    if (!this.#failed) {
      this.#log("warning", `cannot reach the holder of our descriptors: ${errorText(code)}`);
    }
    this.#failed = true;
    this.gone = code !== EAGAIN;
    return false;
  }
}

/** Our descriptors among those that were passed on, by their names. */
function takeGiven(env: Variables): Map<string, number> {
  const count = Number(env.get("LISTEN_FDS") ?? 0);
  const names = (env.get("LISTEN_FDNAMES") ?? "").split(":");
  const isOurs = env.get("LISTEN_PID") === String(Deno.pid) || supervision(env)?.pid === Deno.ppid;
  // A program that takes our place must not take them for its own, too.
  for (const name of ["LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"]) env.delete(name);
  const given = new Map<string, number>();
  for (const [name, fd] of takeInherited(env)) {
    keepOnExec(fd, false);
    given.set(PREFIX + name, fd);
  }
  if (!isOurs) return given;
  for (let i = 0; i < count; i++) {
    const name = names[i] ?? "";
    if (!name.startsWith(PREFIX)) continue;
    const fd = LISTEN_FDS_START + i;
    keepOnExec(fd, false);
    if (given.has(name)) closeFd(fd);
    else given.set(name, fd);
  }
  return given;
}

/** Who supervises us. */
export interface Supervision {
  /** The supervisor's process id. */
  readonly pid: number;
  /** How many daemons it has started, with us. */
  readonly life: number;
}

/** What the environment says of a supervisor; null when we have none. */
export function supervision(env: Pick<Variables, "get">): Supervision | null {
  const match = /^(\d+):(\d+)$/.exec(env.get(SUPERVISED) ?? "");
  return match === null ? null : { pid: Number(match[1]), life: Number(match[2]) };
}
