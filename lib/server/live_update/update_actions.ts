import { closeFd } from "../../../ffi/unix_socket.ts";
import type { Timer } from "../../clock.ts";
import type { UpdateActions, UpdateOrder } from "../../engine/daemon_actions.ts";
import { UPDATE_LOOK_MS } from "../../limits.ts";
import { message } from "../logging/log.ts";
import type { Turns } from "../scheduler.ts";
import { inspect, OWN_PROGRAM } from "./candidate.ts";
import { CodeCache } from "./code_cache.ts";
import { nextC, nextXs, type OwnCommandLine, type SharedOptions } from "./command_line.ts";
import {
  checkState,
  encodeHandOver,
  handOver,
  type HandOverParts,
  type Successor,
} from "./hand_over.ts";
import {
  removeStateFile,
  stateFileOf,
  stateFileOfC,
  trialFileOf,
  writeLockedStateFile,
} from "./state_file.ts";
import { tryOut } from "./trial.ts";

/** What only the daemon's start knows of how it can be succeeded. */
export interface Succession {
  readonly own: OwnCommandLine;
  readonly shared: SharedOptions;
  /** Descriptors that the next process takes up, beside those in the state. */
  readonly inherited: () => readonly number[];
}

/** The daemon's side of a live update: looks at files, tries daemons out, gives way to them. */
export class LiveUpdater implements UpdateActions {
  readonly #parts: HandOverParts;
  readonly #succession: Succession;
  readonly #turns: Turns;
  readonly #socket: string;
  #abort: AbortController | null = null;
  #look: Timer | null = null;
  #successor: Successor | null = null;

  /** `socket` is where the daemon listens. */
  constructor(parts: HandOverParts, succession: Succession, turns: Turns, socket: string) {
    this.#parts = parts;
    this.#succession = succession;
    this.#turns = turns;
    this.#socket = socket;
  }

  refuse(file: string): string | null {
    let mode: number | null;
    try {
      ({ mode } = Deno.statSync(file));
    } catch {
      return "File not accessible.";
    }
    return mode !== null && (mode & ANYBODY_MAY_RUN) === 0 ? "File not executable." : null;
  }

  tryOut(order: UpdateOrder): void {
    this.drop();
    this.#abort = new AbortController();
    this.#look = this.#parts.clock.every(UPDATE_LOOK_MS, () => this.#turns.tick());
    this.#log(`${order.file} is tried out`);
    void this.#try(order, this.#abort.signal);
  }

  async #try(order: UpdateOrder, signal: AbortSignal): Promise<void> {
    let why: string | null;
    try {
      why = await this.#tryAll(order, signal);
    } catch (error) {
      why = message(error);
    }
    if (signal.aborted) return;
    if (why !== null) this.#log(`refused ${order.file}: ${why}`);
    this.#parts.state.liveUpdate.tried(why);
    this.#turns.tick();
  }

  async #tryAll(order: UpdateOrder, signal: AbortSignal): Promise<string | null> {
    const successor = await this.#successorOf(order);
    if (typeof successor === "string") return successor;
    this.#successor = successor;
    const trialFile = trialFileOf(successor.stateFile);
    const steps = encodeHandOver(this.#parts, successor);
    let step = steps.next();
    while (step.done !== true) {
      await new Promise((resolve) => void setImmediate(resolve));
      if (signal.aborted) return null;
      step = steps.next();
    }
    const { pieces, subject } = step.value;
    const lock = writeLockedStateFile(trialFile, pieces);
    try {
      if (successor.kind === "c") {
        checkState(trialFile, successor);
        return null;
      }
      const { cache, file, words } = successor;
      const env = cache?.open() ?? {};
      const result = await tryOut(file, words, trialFile, subject, env, signal, this.#parts.clock);
      if (!signal.aborted) this.#successor = { ...successor, takesHeld: result.takesHeld };
      return result.refusal;
    } finally {
      removeStateFile(trialFile);
      closeFd(lock);
    }
  }

  /** How the file must be run, or why it cannot be. */
  async #successorOf(order: UpdateOrder): Promise<Successor | string> {
    const { commandLine, version } = order;
    const { own, shared } = this.#succession;
    // As the operator means it now: we may be somewhere else when it is run.
    const file = order.file.startsWith("/") ? order.file : `${Deno.cwd()}/${order.file}`;
    const candidate = await inspect(file);
    if (candidate.kind === "unknown") {
      return "The file is neither xs nor C xenstored: it cannot take over the state.";
    }
    if (candidate.kind === "xs") {
      const words = nextXs(commandLine, own, isOurProgram(file));
      const stateFile = stateFileOf(this.#socket);
      // Run from source it needs more of the runtime's folder than compiled code.
      const isCompiled = candidate.isBinary && (own.runtime.length === 0 || !isOurProgram(file));
      const cache = isCompiled ? new CodeCache(stateFile, this.#parts.log) : null;
      const others = { stateFile, cache, takesHeld: false };
      return { kind: "xs", file, words, version: version === 1 ? 1 : 2, ...others };
    }
    if (this.#parts.domains.handover === undefined) {
      return "C xenstored serves Xen's domains only, and this daemon runs without Xen.";
    }
    if (version !== null && version > candidate.version) {
      return `Migration stream version not supported: the file reads ${candidate.version}.`;
    }
    const words = nextC(commandLine, shared);
    const stateFile = stateFileOfC();
    const wanted = version === 1 ? 1 : candidate.version;
    return { kind: "c", file, words, version: wanted, stateFile, cache: null, takesHeld: false };
  }

  handOver(): void {
    const successor = this.#successor!;
    const { archive } = this.#parts.state.admin;
    const settled = (): void => {
      // A dump must be whole, and a restore to be heard of by all who watch.
      archive?.hold(true);
      if (archive?.busy) {
        this.#turns.onSettled = settled;
        return;
      }
      const why = this.#leave(successor);
      this.#log(`not done: ${why}`);
      this.#parts.state.liveUpdate.fail(why);
      this.#turns.tick();
    };
    this.#turns.onSettled = settled;
  }

  /** Returns only if that was not possible, with the reason. */
  #leave(successor: Successor): string {
    try {
      // C xenstored opens its own pid file again, and would never close ours.
      const inherited = successor.kind === "xs" ? this.#succession.inherited() : [];
      return handOver(this.#parts, successor, inherited);
    } catch (error) {
      return message(error);
    }
  }

  drop(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.#look?.cancel();
    this.#look = null;
    this.#successor?.cache?.remove();
    this.#successor = null;
    this.#turns.onSettled = null;
    this.#parts.state.admin.archive?.hold(false);
  }

  #log(text: string): void {
    this.#parts.log("info", `live update: ${text}`);
  }
}

const ANYBODY_MAY_RUN = 0o111;

function isOurProgram(file: string): boolean {
  const [info, own] = [Deno.statSync(file), Deno.statSync(OWN_PROGRAM)];
  return info.ino === own.ino && info.dev === own.dev;
}
