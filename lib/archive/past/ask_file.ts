/** Asks the history in a file, while no daemon has it. */
import { exists } from "../../files.ts";
import { type Answer, answer } from "../../history/answers.ts";
import { HistoryError } from "../../history/database.ts";
import { History } from "../../history/history.ts";
import { loadPacker } from "../../history/packing.ts";
import type { Query } from "../../history/query.ts";
import { type FindNode, missingTurns, recoverRides } from "../../history/ride_recovery.ts";
import { DamagedError } from "../../codec/journal/byte_reader.ts";
import { JournalError } from "../../journal/database.ts";
import { Replay } from "../../journal/replay.ts";
import { type Carried, readCarried } from "../../journal/store_file.ts";
import { emptyTree } from "../../state/checked_records.ts";
import { makeReadPlace } from "../../journal/read_place.ts";
import type { Draft } from "../../store/draft.ts";
import { lookup } from "../../store/lookup.ts";
import { ArchiveError, NoHistoryError, usingFile } from "../archive.ts";
import { isTaken, takenError } from "./daemon_of_history.ts";

/**
 * What the history at `path` answers. The file is copied, and not touched: a daemon may start on it meanwhile.
 *
 * @throws {ArchiveError} when there is none, it cannot be read, or a daemon has it.
 */
export async function* askFile(path: string, query: Query): AsyncGenerator<Answer, void> {
  const packer = await loadPacker();
  using place = makeReadPlace();
  try {
    const copy = `${place.path}/history`;
    copyHistory(path, copy);
    const tree = emptyTree(), carried = carriedBy(path, tree);
    const history = new History({ path: copy, store: carried?.id ?? null, packer });
    try {
      if (carried !== null) recover(history, carried, tree);
      for (const found of answer(history, query)) if (found !== null) yield found;
    } finally {
      history.close();
    }
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error;
    throw new ArchiveError(error.message.replaceAll(`${place.path}/history`, path));
  }
}

const END = ".history";

/** Gives the history what a dead daemon's journal carried; `tree` is where the store came to. */
function recover(history: History, { bytes, from }: Carried, tree: Draft): void {
  // No path is looked up whose value is hidden.
  const find: FindNode = (path) => lookup(tree.root, path);
  recoverRides(bytes, history, missingTurns(history, from) === 0 ? find : null);
}

/**
 * What a daemon that was killed has told its journal, and the history not yet, with the store in `tree`; null where there is no
 * such store.
 */
function carriedBy(path: string, tree: Draft): Carried | null {
  const store = path.slice(0, -END.length);
  if (!path.endsWith(END) || !exists(store)) return null;
  try {
    return readCarried(store, new Replay(tree));
  } catch (error) {
    const isExpected = error instanceof DamagedError || error instanceof JournalError;
    if (!isExpected) throw error;
    throw new ArchiveError(`its last records cannot be read: ${error.message}`, store);
  }
}

function copyHistory(path: string, to: string): void {
  if (!exists(path)) throw new NoHistoryError("there is no history", path);
  checkFree(path);
  for (const companion of ["", "-wal"]) {
    const file = path + companion;
    if (companion !== "" && !exists(file)) continue;
    usingFile(file, "read", () => Deno.copyFileSync(file, to + companion));
  }
  // One that has begun since then may have written between the two.
  checkFree(path);
}

function checkFree(path: string): void {
  if (isTaken(path)) throw takenError(path);
}
