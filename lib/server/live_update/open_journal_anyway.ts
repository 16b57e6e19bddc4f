import { type Clock, wallMs } from "../../clock.ts";
import { type Journal, NoJournal } from "../../journal/journal.ts";
import { renameStore } from "../../journal/database.ts";
import { type Log, message } from "../logging/log.ts";
import { openJournal, type PersistenceChoice, storePath } from "../persistence/persistence.ts";

/**
 * Opens the store file for a daemon that brings its state with it: what is in the file does not
 * matter, and a file that cannot be used must not cost what is there. It is moved aside; if even
 * that does not help, the daemon goes on in memory, and says so.
 */
export function openJournalAnyway(
  choice: PersistenceChoice,
  socket: string,
  log: Log,
  clock: Clock,
): Journal {
  try {
    return openJournal(choice, socket, log, clock);
  } catch (error) {
    const path = storePath(choice, socket);
    log("error", `the store file ${path} cannot be used: ${message(error)}`);
    try {
      log("error", `the store file is now ${renameStore(path, `unusable-${wallMs(clock)}`)}`);
      return openJournal(choice, socket, log, clock);
    } catch (again) {
      log("error", `nothing is kept: a restart loses everything: ${message(again)}`);
      return new NoJournal();
    }
  }
}
