import { SAME_SIGNAL_MS } from "../../lib/limits.ts";
import { type Archive, ArchiveError } from "../../lib/archive/archive.ts";
import { dumpToFile } from "../../lib/archive/dump_to_file.ts";
import type { Format } from "../../lib/archive/format.ts";
import { Interrupt, InterruptedError } from "../../lib/archive/interrupt.ts";
import { parseSource, readSource, type Source } from "../../lib/archive/source.ts";
import { wallMs } from "../../lib/clock.ts";
import { fromByteText, Operations, toByteText } from "../../lib/client/operations.ts";
import type { Session } from "../../lib/client/session.ts";
import { StreamError } from "../../lib/codec/stream.ts";
import { PointError } from "../../lib/history/points.ts";
import { type CommonFlags, openSession, socketPath } from "../context.ts";
import { pointText } from "../history/parameters.ts";
import { readStdin } from "../input.ts";
import { Progress } from "../progress.ts";
import { asFailure, CommandError, STATUS_INTERRUPTED, StatusError, UsageError } from "../report.ts";
import { flush, note, type Shell } from "../shell.ts";

/** Sources read, and a daemon spoken to, by one command. */
class Sources {
  readonly progress: Progress;
  readonly interrupt: Interrupt = new Interrupt();
  readonly #shell: Shell;
  readonly #flags: CommonFlags;
  #session: Session | null = null;
  #stdinRead = false;
  readonly #timeout: number;

  /** @param timeout how long requests wait unless the flags say, in ms. */
  constructor(shell: Shell, flags: CommonFlags, timeout: number) {
    this.#timeout = timeout;
    this.#shell = shell;
    this.#flags = flags;
    this.progress = new Progress(shell.stderr, shell.isTerminal("stderr"), shell.clock);
  }

  readonly connect = async (): Promise<Operations> => {
    this.#session ??= await openSession(this.#shell, this.#flags, this.#timeout);
    return new Operations(this.#session);
  };

  /** Where the daemon is that `live` means. */
  get socketPath(): string {
    return socketPath(this.#shell, this.#flags);
  }

  /** @param at a point of its history. */
  parse(text: string, at?: string): Source {
    const named = at === undefined ? text : `${text}@${pointText(at)}`;
    try {
      return parseSource(fromByteText(named), wallMs(this.#shell.clock));
    } catch (error) {
      if (!(error instanceof PointError)) throw error;
      throw new UsageError(toByteText(error.message), at === undefined ? text : "--at");
    }
  }

  async read(source: Source, domid: number | null): Promise<Archive> {
    const { connect, interrupt, progress, socketPath } = this;
    const stdin = (): Promise<Uint8Array> => this.#readStdin();
    const now = wallMs(this.#shell.clock), bootAt = now - Deno.osUptime() * 1_000;
    const context = { connect, interrupt, progress, domid, socketPath, stdin, now, bootAt };
    return await readSource(source, context);
  }

  /** As {@link dumpToFile}, of the daemon that `live` means. */
  async dumpLive(path: string, how: Format): Promise<boolean | null> {
    return await dumpToFile(path, how, this);
  }

  /** It can be read once. */
  async #readStdin(): Promise<Uint8Array> {
    if (this.#stdinRead) throw new UsageError("standard input can be read only once", "-");
    this.#stdinRead = true;
    return await readStdin(this.#shell);
  }

  /** Tells people what they should know, on stderr. */
  note(notes: readonly string[]): void {
    if (notes.length > 0) this.progress.clear();
    for (const text of notes) note(this.#shell, text);
  }

  close(): void {
    this.progress.clear();
    this.#session?.close();
  }
}

/** The first signal interrupts the command, a second one ends it at once: the daemon may be stopped. */
function onInterrupt(shell: Shell, interrupt: Interrupt): () => void {
  let firstAt = 0;
  return shell.onInterrupt(() => {
    if (!interrupt.requested) {
      firstAt = shell.clock.now();
      return interrupt.request();
    }
    if (shell.clock.now() - firstAt < SAME_SIGNAL_MS) return;
    shell.stderr.write("xs: interrupted again: the daemon did not say whether it is done\n");
    flush(shell.stderr);
    Deno.exit(STATUS_INTERRUPTED);
  });
}

/** Runs an action with its sources; returns the exit status. */
export async function withSources(
  shell: Shell,
  flags: CommonFlags,
  action: (sources: Sources) => Promise<number>,
  timeout: number = shell.timeout,
): Promise<number> {
  const sources = new Sources(shell, flags, timeout);
  const { interrupt } = sources;
  const ignoreInterrupts = onInterrupt(shell, interrupt);
  try {
    return await Promise.race([action(sources), interrupt.stopped]);
  } catch (error) {
    if (error instanceof InterruptedError) {
      throw new StatusError(asFailure(error), STATUS_INTERRUPTED);
    }
    if (error instanceof ArchiveError) throw asFailure(error);
    throw error instanceof StreamError ? new CommandError(toByteText(error.message)) : error;
  } finally {
    ignoreInterrupts();
    sources.close();
  }
}
