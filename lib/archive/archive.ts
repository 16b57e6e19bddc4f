import type { StateRecord } from "../state/records.ts";
import { type FileAction, systemAdvice } from "../wire/system_error.ts";

/** A store at one moment, wherever it was read from. */
export interface Archive {
  /** What it was read from, as the user named it. */
  readonly name: string;
  readonly records: readonly StateRecord[];
  /** The bytes that it was read from, where they were a stream of any format. */
  readonly stream?: Uint8Array;
  /** Whether that has just been written: a file may be damaged. */
  readonly isFresh?: boolean;
  /** Nodes and their permissions are all that there is: the daemon tells no more. */
  readonly nodesOnly: boolean;
  /** What the user should know, as far as the records have been looked at: some skipped, say. */
  readonly notes: readonly string[];
  /** Nodes whose values are replaced by how long they are. */
  readonly hidden?: ReadonlySet<string>;
  /** Why it must not be taken for the whole store; missing where it may. */
  readonly lack?: string;
}

/** Something could not be read, written or understood. */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";

  constructor(
    /** What is wrong. */
    readonly text: string,
    /** The file or the source that it is about; empty for none. */
    readonly object: string = "",
  ) {
    super(object === "" ? text : `${object}: ${text}`);
  }
}

/** There is no history where one was looked for. */
export class NoHistoryError extends ArchiveError {}

/** A file that cannot be read or written: why, as the operating system says, and what to do. */
export function fileError(error: unknown, path: string, action: FileAction): ArchiveError {
  const what = action === "write" ? "cannot write it: " : "";
  return new ArchiveError(what + systemAdvice(error, action), path);
}

/** Does `action`; its failures become errors about the file at `path`. @throws {ArchiveError} */
export function usingFile<T>(path: string, action: FileAction, use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw error instanceof ArchiveError ? error : fileError(error, path, action);
  }
}

/** What is told of work that takes its time. */
export interface ProgressSink {
  /** So many of so many (0: not known) of what is being done. */
  update(what: string, done: number, expected: number): void;
}
