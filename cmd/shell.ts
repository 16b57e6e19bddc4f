import { type Clock, systemClock } from "../lib/clock.ts";
import { toByteText } from "../lib/client/operations.ts";
import { CLIENT_TIMEOUT_MS, SHELL_OUTPUT_BYTES } from "../lib/limits.ts";
import { escapeByteLines } from "../lib/wire/escape.ts";
import { systemAdvice } from "../lib/wire/system_error.ts";
import { toBytes, toText } from "../lib/wire/text.ts";
import { type Surroundings, surroundings } from "../lib/client/socket_path.ts";

/** Where text goes. All text has one character a byte, so that any bytes pass. */
export interface Output {
  write(text: string): void;
}

/**
 * What a command has of the process it runs in; tests bring their own. Arguments and text have
 * one character a byte.
 */
export interface Shell {
  /** The name the program was called by. */
  readonly program: string;
  readonly args: readonly string[];
  readonly stdout: Output;
  readonly stderr: Output;
  /** The rest of standard input. */
  stdin(): Promise<Uint8Array>;
  readFile(path: string): Promise<Uint8Array>;
  /** Columns of the terminal that stdout is; null when it is none. */
  columns(): number | null;
  /** Whether an output is a terminal, for people to read. */
  isTerminal(output: "stdout" | "stderr"): boolean;
  /** Calls `listener` instead of ending when the user interrupts the command; returns what ends that. */
  onInterrupt(listener: () => void): () => void;
  /** Shows a page of the manual; false where there is none, or no `man`. */
  showManual(page: string): Promise<boolean>;
  /** Starts a command that shows what it is given; it has the terminal. */
  startPager(command: string, env: Readonly<Record<string, string>>): Pager;
  readonly around: Surroundings;
  /** How long a request waits for its answer unless the command line says, in ms. */
  readonly timeout: number;
  readonly clock: Clock;
}

/** A program that shows text a page at a time. */
export interface Pager {
  /** One character a byte; false when the user has ended it. */
  write(text: string): Promise<boolean>;
  /** There is no more: waits until the user has read it. */
  end(): Promise<void>;
}

function startPager(command: string, env: Readonly<Record<string, string>>): Pager {
  const child = new Deno.Command("sh", { args: ["-c", command], stdin: "piped", env }).spawn();
  const writer = child.stdin.getWriter();
  return {
    write: (text) => writer.write(toBytes(text)).then(() => true, () => false),
    end: async () => {
      // It may have ended by itself.
      await writer.close().catch(() => {});
      await child.status;
    },
  };
}

/** A pipe's reader is gone: the status that a shell gives for SIGPIPE. */
const STATUS_PIPE = 141;

/** A buffered output; {@link flush} before the process ends. */
export class BufferedOutput implements Output {
  #text = "";

  constructor(private readonly file: { writeSync(bytes: Uint8Array): number }) {}

  write(text: string): void {
    this.#text += text;
    if (this.#text.length >= SHELL_OUTPUT_BYTES) this.flush();
  }

  flush(): void {
    const bytes = toBytes(this.#text);
    this.#text = "";
    try {
      for (let at = 0; at < bytes.length;) at += this.file.writeSync(bytes.subarray(at));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) Deno.exit(STATUS_PIPE);
      complain(`xs: cannot write the output: ${systemAdvice(error, "write")}\n`);
      Deno.exit(1);
    }
  }
}

/** Text that may hold what clients wrote, for a terminal; both have one character a byte. */
export function readable(text: string): string {
  return toByteText(escapeByteLines(text));
}

/** Prints a note for people on stderr, apart from the result. */
export function note({ stderr }: Pick<Shell, "stderr">, text: string): void {
  stderr.write(`xs: ${readable(toByteText(text))}\n`);
}

/** Says something on stderr, unless that is what fails. */
function complain(text: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  } catch {
    // There is nowhere left to say it.
  }
}

/** Writes out what an output has collected, if it collects. */
export function flush(output: Output): void {
  if (output instanceof BufferedOutput) output.flush();
}

/**
 * The command line as bytes: Deno's own has U+FFFD for whatever is not UTF-8. Deno's may be
 * shorter at the front (`deno run ...`), never at the end.
 */
function commandLine(): { program: string; args: string[] } {
  const count = Deno.args.length;
  let words: string[];
  try {
    words = toText(Deno.readFileSync("/proc/self/cmdline")).split("\0").slice(0, -1);
  } catch {
    const encoder = new TextEncoder();
    words = ["xs", ...Deno.args].map((word) => toText(encoder.encode(word)));
  }
  return { program: words[0] ?? "xs", args: count === 0 ? [] : words.slice(-count) };
}

async function readStream(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return await new Response(stream).bytes();
}

/** Ctrl-C, and what `kill` and `timeout` send. */
const INTERRUPTS = ["SIGINT", "SIGTERM"] as const;

function onInterrupt(listener: () => void): () => void {
  for (const signal of INTERRUPTS) Deno.addSignalListener(signal, listener);
  return () => {
    for (const signal of INTERRUPTS) Deno.removeSignalListener(signal, listener);
  };
}

async function showManual(page: string): Promise<boolean> {
  try {
    const man = new Deno.Command("man", {
      args: [page],
      stdin: "inherit",
      stdout: "inherit",
      stderr: "null",
    });
    return (await man.spawn().status).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The process's own shell; its outputs must be flushed at the end. */
export function processShell(): Shell & { stdout: BufferedOutput; stderr: BufferedOutput } {
  return {
    ...commandLine(),
    stdout: new BufferedOutput(Deno.stdout),
    stderr: new BufferedOutput(Deno.stderr),
    stdin: () => readStream(Deno.stdin.readable),
    readFile: (path) => Deno.readFile(new TextDecoder().decode(toBytes(path))),
    columns: () => {
      try {
        return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : null;
      } catch {
        return null;
      }
    },
    isTerminal: (output) => Deno[output].isTerminal(),
    onInterrupt,
    showManual,
    startPager,
    around: surroundings,
    timeout: CLIENT_TIMEOUT_MS,
    clock: systemClock,
  };
}
