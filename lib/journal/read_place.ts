import { JournalError } from "./database.ts";
import { FolderError, LockedFolder } from "./locked_folder.ts";

/** A prefix of its own: earlier versions did not lock the folders with theirs. */
const PREFIX = "xs-copy-";

/**
 * Makes a folder for the copy of a store that is read.
 *
 * @throws {JournalError} when it cannot be made.
 */
export function makeReadPlace(): LockedFolder {
  try {
    return LockedFolder.make(PREFIX);
  } catch (error) {
    if (!(error instanceof FolderError)) throw error;
    throw new JournalError(
      `cannot make a directory for a copy of the store: ${error.reason} (TMPDIR names the place)`,
    );
  }
}
