import { type Clock, wallDate } from "../../clock.ts";
import { forOption, systemMessage } from "../../wire/system_error.ts";
import { isJournal, journalPrefix, statOfStderr } from "./journal_stream.ts";
import { formatLine, LOG_LEVELS, type LogFormat, type LogLevel } from "./log_format.ts";

/** Takes the daemon's messages. */
export interface Log {
  (level: LogLevel, text: string): void;
}

/** For tests and embedders that don't want to hear anything. */
export const SILENT: Log = () => {};

/** What lines are written to: a file or stderr. */
export interface Sink {
  writeSync(bytes: Uint8Array): number;
}

/**
 * Writes all bytes: a disk that fills up takes a part of them first.
 *
 * @throws {Error} when not all can be written.
 */
export function writeAll(sink: Sink, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += sink.writeSync(bytes.subarray(at));
}

/** What the command line can say of the log. */
export interface LogOptions {
  readonly logLevel: LogLevel;
  /** A file to log to, instead of stderr. */
  readonly logFile?: string | null;
  /** Text unless told. */
  readonly logFormat?: LogFormat;
}

const encoder = new TextEncoder();

/** Lines on stderr, or in a file that can be reopened after it was moved away. */
export class FileLog {
  readonly #level: number;
  readonly #path: string | null;
  #file: Deno.FsFile | null = null;
  #sink: Sink = Deno.stderr;
  /** Whether the last line did not get into the file. */
  #failing = false;
  readonly #isJournal = isJournal(Deno.env.get("JOURNAL_STREAM"), statOfStderr());

  /**
   * Logs what is at least as severe as `level` to the file `path`, or to stderr when it is null.
   *
   * @throws {Error} when the file cannot be opened.
   */
  constructor(
    level: LogLevel,
    path: string | null,
    private readonly clock: Clock,
    private readonly format: LogFormat = "text",
  ) {
    this.#level = LOG_LEVELS.indexOf(level);
    this.#path = path;
    if (path !== null) this.#open(path);
  }

  /** The function to log with. */
  readonly log: Log = (level, text) => {
    if (LOG_LEVELS.indexOf(level) > this.#level) return;
    try {
      writeAll(this.#sink, encoder.encode(this.#line(level, text)));
      this.#failing = false;
    } catch (error) {
      if (this.#file !== null) this.#toStderr(level, text, message(error));
    }
  };

  /** A line for the file, or for stderr. */
  #line(level: LogLevel, text: string, toFile: boolean = this.#file !== null): string {
    const prefix = this.#isJournal && !toFile ? journalPrefix(level) : "";
    return `${prefix}${formatLine(this.format, level, text, wallDate(this.clock), toFile)}\n`;
  }

  /** What cannot go to the file goes to stderr, the first time with the reason. */
  #toStderr(level: LogLevel, text: string, why: string): void {
    const reason = `cannot write the log ${this.#path}, using stderr: ${why}`;
    const lines = this.#line(level, text, false);
    const all = this.#failing ? lines : `${this.#line("error", reason, false)}${lines}`;
    this.#failing = true;
    try {
      writeAll(Deno.stderr, encoder.encode(all));
    } catch {
      // A full disk and a closed stderr must not stop the daemon, and there is nobody to tell.
    }
  }

  /** Opens the file again, as after a rotation; does nothing on stderr. */
  reopen(): void {
    if (this.#path === null) return;
    const old = this.#file;
    try {
      this.#open(this.#path);
      old?.close();
    } catch (error) {
      this.log("error", `cannot reopen the log, keeping the old one: ${message(error)}`);
    }
  }

  #open(path: string): void {
    this.#file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    this.#sink = this.#file;
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#sink = Deno.stderr;
  }
}

/**
 * The log that `--log-file`, `--log-level` and `--log-format` ask for.
 *
 * @throws {OptionError} when the file cannot be opened.
 */
export function openLog(
  { logFile = null, logFormat, logLevel }: LogOptions,
  clock: Clock,
): FileLog {
  return forOption(
    "--log-file",
    logFile ?? "",
    () => new FileLog(logLevel, logFile, clock, logFormat),
  );
}

/** The text of whatever was thrown, in our own words where it is the operating system's. */
export function message(error: unknown): string {
  return systemMessage(error);
}

/** The same with the way to where it was thrown, for defects of our own. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
