/** A simulated host with a daemon on it, attackers, and clients that measure. */
import { EAGAIN, SystemCallError } from "../../ffi/libc.ts";
import type { Status } from "../../lib/engine/status.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { Attacker } from "../../tests/support/attack/attacker.ts";
import { type Attack, type Place, SHARED } from "../../tests/support/attack/attacks.ts";
import { Crew } from "../../tests/support/attack/crew.ts";
import { RawClient } from "../../tests/support/raw_client.ts";
import { startSimulatedReference } from "../../tests/support/reference/simulated.ts";
import { DEAD, EXISTS, SimulatedHost } from "../../tests/support/simulation/simulated_host.ts";
import { startDaemon } from "../../tests/support/daemon.ts";
import { deadline, until } from "../../tests/support/patience.ts";
import { Random } from "../../tests/support/random.ts";
import type { ServerProcess } from "../../tests/support/process.ts";
import { smallDisk } from "../../tests/support/small_disk.ts";
import { SocketEnd } from "../../tests/support/socket_end.ts";
import { residentBytes } from "./footprint.ts";
import { shareProcessors } from "./processors.ts";
import { memoryIn, StatusProbe } from "../../tests/support/attack/probes.ts";
import { QuietClients } from "./quiet_clients.ts";

/** Who is attacked. */
export interface Contender {
  readonly name: string;
  /** The `xs` to run; "" for the sources; null for C xenstored. */
  readonly binary: string | null;
}

/** Requests of a client that wait for their replies, unless its attack says: a guest's quota. */
const WINDOW = 20;
const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));

const QUIET_DOMID = 1;
const FIRST_ATTACKER = 2;

/** How large an attack is. */
export interface Scale {
  /** How many guests attack. */
  readonly guests: number;
  /** Of the file system of the daemon's files; null for the machine's own. */
  readonly diskMegabytes: number | null;
  /** Limit of the daemon's heap; null for V8's own. */
  readonly heapMegabytes: number | null;
  /** Its `--memory`; null for the default. */
  readonly memory: string | null;
  readonly seed: number;
}

/** A daemon that is set up, with its attackers connected. */
export class Stage implements AsyncDisposable {
  statusProbe: StatusProbe;
  crew: Crew;
  readonly #sockets: SocketEnd[] = [];
  #began = performance.now();

  private constructor(
    readonly host: SimulatedHost,
    readonly daemon: ServerProcess,
    readonly dom0: RawClient,
    readonly domids: readonly number[],
    private readonly attack: Attack,
    private readonly disk: AsyncDisposable | null,
    private readonly seed: number,
  ) {
    this.statusProbe = new StatusProbe(this.#connect());
    this.crew = this.#attackers();
  }

  #attackers(): Crew {
    return new Crew([...this.#guests(this.attack), ...this.#clients(this.attack)]);
  }

  /** @throws {Error} when the daemon does not come up, or there is no right to what is needed */
  static async make(contender: Contender, attack: Attack, scale: Scale): Promise<Stage> {
    const host = await SimulatedHost.make();
    let disk: AsyncDisposable | null = null;
    const { guests, diskMegabytes } = scale;
    try {
      await Deno.mkdir(`${host.path}/run`);
      if (diskMegabytes !== null) {
        disk = await smallDisk(`${host.path}/run`, diskMegabytes);
        if (disk === null) throw new Error("--disk: no right to mount a tmpfs (run as root)");
      }
      const daemon = await start(contender, host, scale);
      try {
        const dom0 = await RawClient.connect(host.socketPath);
        await shareProcessors(daemon.pid);
        const domids = Array.from({ length: guests }, (_, i) => FIRST_ATTACKER + i);
        for (const domid of [QUIET_DOMID, ...domids]) await introduce(host, dom0, domid);
        await furnish(dom0);
        return new Stage(host, daemon, dom0, domids, attack, disk, scale.seed);
      } catch (error) {
        await daemon.stop();
        throw error;
      }
    } catch (error) {
      await disk?.[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  #connect(): SocketEnd {
    for (const end = deadline("a connection");; end.check()) {
      try {
        const socket = new SocketEnd(this.host.socketPath);
        this.#sockets.push(socket);
        return socket;
      } catch (error) {
        // C xenstored lets one client wait to be accepted.
        if (!(error instanceof SystemCallError) || error.code !== EAGAIN) throw error;
        Atomics.wait(nobodyWakes, 0, 0, 1);
      }
    }
  }

  #place(domid: number, index: number): Place {
    return {
      domid,
      index,
      domids: this.domids,
      now: () => performance.now() - this.#began,
      random: new Random(this.seed + domid * 1_000 + index),
    };
  }

  #guests({ guest, window }: Attack): Attacker[] {
    if (guest === undefined) return [];
    return this.domids.map((domid, index) => {
      const attacker = new Attacker(this.host.guest(domid), window ?? WINDOW);
      attacker.play(guest(attacker, this.#place(domid, index)));
      return attacker;
    });
  }

  #clients({ socket, sockets = 0, window }: Attack): Attacker[] {
    if (socket === undefined) return [];
    return Array.from({ length: sockets }, (_, index) => {
      const attacker = new Attacker(this.#connect(), window ?? WINDOW);
      attacker.play(socket(attacker, this.#place(0, index)));
      return attacker;
    });
  }

  /** Starts the clients that measure. */
  measure(): Promise<QuietClients> {
    const { path, socketPath } = this.host;
    return QuietClients.start({ folder: path, socket: socketPath, domid: QUIET_DOMID });
  }

  /** From now on attackers count their time. */
  begin(): void {
    this.#began = performance.now();
  }

  /** Sets up new guests and clients that attack in the same way. */
  async again(): Promise<void> {
    for (const domid of this.domids) await introduce(this.host, this.dom0, domid);
    this.statusProbe = new StatusProbe(this.#connect());
    this.crew = this.#attackers();
  }

  /**
   * Ends the attacking guests and disconnects the attacking clients.
   *
   * @throws {Error} when the daemon does not hear of it in two minutes
   */
  async endAttack(): Promise<void> {
    this.crew.leave();
    for (const state of [EXISTS | DEAD, 0]) {
      for (const domid of this.domids) this.host.setState(domid, state);
      this.host.raise();
      await until("the VIRQ to be taken", () => this.host.virqTaken || !this.isAlive);
    }
  }

  /** Whether the daemon is still a process. */
  get isAlive(): boolean {
    return (residentBytes(this.daemon.pid) ?? 0) > 0;
  }

  /** How the daemon, which is dead, has ended, with the last line that it printed. */
  async lastWords(): Promise<string> {
    const { code, signal } = await this.daemon.status;
    const last = this.daemon.output().trimEnd().split("\n").at(-1) ?? "";
    return `the daemon's death: ${signal ?? `exit status ${code}`} ${last}`;
  }

  /** What the daemon tells of its memory; null where it cannot. */
  async memory(): Promise<Status["memory"] | null> {
    const payload = toBytes("status\0");
    const reply = (await this.dom0.exchange({ type: T.CONTROL, txId: 0, payload })).at(-1)!;
    return reply.type === T.CONTROL ? memoryIn(reply.text) : null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    this.dom0.close();
    await this.daemon.stop();
    await this.disk?.[Symbol.asyncDispose]();
    await this.host[Symbol.asyncDispose]();
  }
}

async function start(
  { binary }: Contender,
  host: SimulatedHost,
  { heapMegabytes, memory }: Scale,
): Promise<ServerProcess> {
  if (binary === null) return await startSimulatedReference("c", host);
  Deno.env.set("XS_BINARY", binary);
  const args = ["--store", `${host.path}/run/store`];
  if (memory !== null) args.push("--memory", memory);
  const env = { ...host.env() };
  if (heapMegabytes !== null) env["DENO_V8_FLAGS"] = `--max-old-space-size=${heapMegabytes}`;
  return await startDaemon({ socket: host.socketPath, env, args });
}

/** One request of domain 0. @throws {Error} when it is refused */
export async function ask(dom0: RawClient, type: number, payload: string): Promise<string> {
  const reply = (await dom0.exchange({ type, txId: 0, payload: toBytes(payload) })).at(-1)!;
  if (reply.type === type) return reply.text;
  throw new Error(`message type ${type} ${JSON.stringify(payload)}: ${reply.text}`);
}

async function introduce(host: SimulatedHost, dom0: RawClient, domid: number): Promise<void> {
  host.create(domid);
  const home = `/local/domain/${domid}`;
  await ask(dom0, T.MKDIR, `${home}\0`);
  await ask(dom0, T.SET_PERMS, `${home}\0n${domid}\0`);
  await ask(dom0, T.INTRODUCE, `${domid}\x001\x005\0`);
}

async function furnish(dom0: RawClient): Promise<void> {
  await ask(dom0, T.WRITE, `/local/domain/${QUIET_DOMID}/x\0some value`);
  await ask(dom0, T.WRITE, `${SHARED}\0some value`);
  await ask(dom0, T.SET_PERMS, `${SHARED}\0b0\0`);
  await ask(dom0, T.WRITE, "/watched\0");
}
