/** What `xs dump`, `xs restore` and `xs diff` do: loaded when one of them is called. */
import { type Archive, ArchiveError } from "../lib/archive/archive.ts";
import { diffArchives } from "../lib/archive/diff.ts";
import { differenceJson, differenceLines } from "../lib/archive/diff_text.ts";
import { writeFile } from "../lib/archive/file.ts";
import { Interrupt, InterruptedError } from "../lib/archive/interrupt.ts";
import { type Format, formatArchive, isReadable } from "../lib/archive/format.ts";
import { restoreArchive, type RestoreResult } from "../lib/archive/restore.ts";
import { parseSource, readSource, type Source } from "../lib/archive/source.ts";
import { fromByteText, Operations, toByteText } from "../lib/client/operations.ts";
import type { Session } from "../lib/client/session.ts";
import { findSocket } from "../lib/client/socket_path.ts";
import { StreamError } from "../lib/migrate/stream.ts";
import { toText } from "../lib/wire/text.ts";
import type { DiffFlags, DumpFlags, RestoreFlags } from "./commands/archive.ts";
import { type CommonFlags, openSession, type XsContext } from "./context.ts";
import { printJson, textJson } from "./json.ts";
import { readStdin } from "./input.ts";
import { Progress } from "./progress.ts";
import { CommandError, StatusError, UsageError } from "./report.ts";
import { flush, readable, type Shell } from "./shell.ts";

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
    this.progress = new Progress(shell.stderr, shell.isTerminal("stderr"));
  }

  readonly connect = async (): Promise<Operations> => {
    this.#session ??= await openSession(this.#shell, this.#flags, this.#timeout);
    return new Operations(this.#session);
  };

  /** Where the daemon is that `live` means. */
  get socketPath(): string {
    const { socket } = this.#flags;
    const told = socket === undefined ? undefined : fromByteText(socket);
    return findSocket(told, this.#shell.around);
  }

  parse(text: string): Source {
    return parseSource(fromByteText(text), Date.now());
  }

  async read(source: Source, domid: number | null): Promise<Archive> {
    const { connect, interrupt, progress, socketPath } = this;
    const stdin = (): Promise<Uint8Array> => this.#readStdin();
    const now = Date.now();
    const context = { connect, interrupt, progress, domid, socketPath, stdin, now };
    return await readSource(source, context);
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
    for (const note of notes) this.#shell.stderr.write(`xs: ${readable(toByteText(note))}\n`);
  }

  close(): void {
    this.progress.clear();
    this.#session?.close();
  }
}

/** What a shell gives for SIGINT. */
const STATUS_INTERRUPTED = 130;

/** Names of standard output: a file behind one is not to be replaced. */
const STDOUT_NAMES = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/** A signal so soon behind another, in ms, is the same: `timeout` sends it to the process and to its group. */
const SAME_SIGNAL_MS = 500;

/** The first signal interrupts the command, a second one ends it at once: the daemon may be stopped. */
function onInterrupt(shell: Shell, interrupt: Interrupt): () => void {
  let firstAt = 0;
  return shell.onInterrupt(() => {
    if (!interrupt.requested) {
      firstAt = performance.now();
      return interrupt.request();
    }
    if (performance.now() - firstAt < SAME_SIGNAL_MS) return;
    shell.stderr.write("xs: interrupted again: the daemon has not said what became of it\n");
    flush(shell.stderr);
    Deno.exit(STATUS_INTERRUPTED);
  });
}

/** Runs an action with its sources; returns the exit status. */
async function withSources(
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
      const failure = new CommandError(toByteText(error.text), toByteText(error.object));
      throw new StatusError(failure, STATUS_INTERRUPTED);
    }
    if (error instanceof ArchiveError) {
      throw new CommandError(toByteText(error.text), toByteText(error.object));
    }
    throw error instanceof StreamError ? new CommandError(toByteText(error.message)) : error;
  } finally {
    ignoreInterrupts();
    sources.close();
  }
}

/** `xs dump`; returns the exit status. */
export function runDump(
  { shell }: XsContext,
  flags: DumpFlags,
  name = "live",
): Promise<number> {
  return withSources(shell, flags, async (sources) => {
    const format = flags.json === true ? "json" : flags.format;
    const how: Format = { format, version: flags.version === "1" ? 1 : 2, endian: flags.endian };
    const output = STDOUT_NAMES.includes(flags.output ?? "-") ? null : flags.output!;
    if (output === null && !isReadable(how) && shell.isTerminal("stdout")) {
      throw new UsageError(
        "a terminal cannot show bytes (name a file with -o, or take --format text)",
      );
    }
    const archive = await sources.read(sources.parse(name), flags.domain ?? null);
    const notes: string[] = [];
    const pieces = formatArchive(archive, how, (text) => notes.push(text));
    const chunks = counted(pieces, sources.progress);
    if (output !== null) {
      const file = fromByteText(output);
      if (await writeFile(file, chunks, sources.interrupt)) notes.push(`${file}: replaced`);
    } else {
      for (const chunk of chunks) {
        shell.stdout.write(toText(chunk));
        flush(shell.stdout);
      }
    }
    sources.note([...archive.notes, ...notes]);
    return 0;
  });
}

function* counted(chunks: Iterable<Uint8Array>, progress: Progress): Generator<Uint8Array> {
  let bytes = 0;
  for (const chunk of chunks) {
    yield chunk;
    bytes += chunk.length;
    progress.update("writing, bytes", bytes, 0);
  }
}

/** `xs restore`; returns the exit status. */
export function runRestore(
  { shell }: XsContext,
  flags: RestoreFlags,
  name: string,
): Promise<number> {
  return withSources(shell, flags, async (sources) => {
    const dryRun = flags.dryRun === true;
    if (flags.into === undefined && !dryRun) {
      throw new UsageError(
        "--into is missing (--into live, or --into FILE for a new store; --dry-run only checks)",
      );
    }
    const into = flags.into === undefined
      ? null
      : flags.into === "live"
      ? { kind: "live" } as const
      : { kind: "store", path: fromByteText(flags.into) } as const;
    const mapping = flags.domain ?? null;
    if (mapping !== null && into?.kind === "store") {
      throw new UsageError("it needs --into live", "--domain");
    }
    const archive = await sources.read(sources.parse(name), null);
    const { connect, interrupt, progress } = sources;
    const request = { into, dryRun, mapping, overQuota: flags.overQuota === true };
    const result = await restoreArchive(archive, request, connect, progress, interrupt);
    sources.note(archive.notes);
    printResult(shell, result, flags, name);
    return 0;
  }, Infinity);
}

function printResult(
  { stdout }: Shell,
  { counts, leftOut }: RestoreResult,
  { dryRun = false, into, json }: RestoreFlags,
  name: string,
): void {
  if (json === true) {
    const target = into === undefined ? null : textJson(into);
    return printJson(stdout, { from: textJson(name), into: target, dryRun, ...counts, leftOut });
  }
  const what = Object.entries(counts).map(([word, count]) => `${count} ${word}`).join(", ");
  const done = dryRun ? "can be restored" : `restored into ${into}`;
  stdout.write(`${name}: ${done}: ${what}\n`);
  for (const line of leftOut) stdout.write(`left out: ${readable(toByteText(line))}\n`);
}

/** `xs diff`; returns the exit status: 0 same, 1 different, 2 trouble. */
export function runDiff(
  { shell }: XsContext,
  flags: DiffFlags,
  left: string,
  right: string,
): Promise<number> {
  const differences = withSources(shell, flags, async (sources) => {
    const domid = flags.domain ?? null;
    const [from, to] = [sources.parse(left), sources.parse(right)];
    const before = await sources.read(from, domid);
    const after = await sources.read(to, domid);
    const found = diffArchives(before, after);
    sources.note([...before.notes, ...after.notes]);
    if (before.nodesOnly || after.nodesOnly) sources.note(["only nodes are compared"]);
    sources.progress.clear();
    const colour = shell.isTerminal("stdout") && (shell.around.env("NO_COLOR") ?? "") === "";
    for (const difference of found) {
      if (flags.json === true) printJson(shell.stdout, differenceJson(difference));
      else {
        for (const line of differenceLines(difference, colour)) shell.stdout.write(`${line}\n`);
      }
    }
    return found.length === 0 ? 0 : 1;
  });
  // 1 says that something differs.
  return differences.catch((error) => {
    throw error instanceof StatusError ? error : new StatusError(error, 2);
  });
}
