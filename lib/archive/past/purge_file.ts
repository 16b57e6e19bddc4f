/** Takes paths out of the history of a store that no daemon has. */
import { DamagedError } from "../../codec/journal/byte_reader.ts";
import { exists } from "../../files.ts";
import { HistoryError } from "../../history/database.ts";
import { History } from "../../history/history.ts";
import { loadPacker } from "../../history/packing.ts";
import { emptyLog, purge } from "../../history/purge.ts";
import { JournalError, messageOf, openDatabase } from "../../journal/database.ts";
import { forgetRiding } from "../../journal/forget_riding.ts";
import { tailPath } from "../../journal/store_file.ts";
import { ArchiveError, NoHistoryError } from "../archive.ts";
import { historyPath } from "./history_source.ts";

/**
 * Hides all values at and below some paths in the history of the store file at `store`, in both files; returns how many.
 *
 * @throws {ArchiveError} when a daemon has one of them, was killed, or they cannot be written.
 */
export async function purgeFile(store: string, paths: readonly string[]): Promise<number> {
  const path = historyPath(store);
  if (!exists(path)) throw new NoHistoryError("there is no history", path);
  if (exists(tailPath(store))) {
    throw new ArchiveError(
      "a daemon has it, or was killed (start one on it, and purge there)",
      store,
    );
  }
  const packer = await loadPacker();
  try {
    const history = new History({ path, store: null, packer });
    try {
      const count = finish(purge(history, paths));
      if (exists(store)) forgetIn(store);
      emptyLog(history);
      return count;
    } finally {
      history.close();
    }
  } catch (error) {
    if (error instanceof HistoryError) throw new ArchiveError(error.message);
    throw error;
  }
}

/** What an orderly end has left in rows of turns. */
function forgetIn(store: string): void {
  try {
    const database = openDatabase(store, "crash");
    try {
      for (const _ of forgetRiding(database, Infinity));
    } finally {
      database.close();
    }
  } catch (error) {
    const isExpected = error instanceof DamagedError || error instanceof JournalError;
    throw isExpected ? new ArchiveError(messageOf(error), store) : error;
  }
}

function finish<T>(steps: Iterator<unknown, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value as T;
  }
}
