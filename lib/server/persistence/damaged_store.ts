import { type Clock, wallDate } from "../../clock.ts";
import type { DamagedError } from "../../codec/journal/byte_reader.ts";
import { JournalError, renameStore } from "../../journal/database.ts";
import type { Log } from "../logging/log.ts";
import { type PersistenceChoice, storePath } from "./persistence.ts";

/**
 * What must be done about a damaged store: an error that says so, or, where the operator has
 * agreed to that, the file moved aside, so that the next attempt begins empty.
 */
export function handleDamage(
  choice: PersistenceChoice,
  socket: string,
  error: DamagedError,
  log: Log,
  clock: Clock,
): void {
  const path = storePath(choice, socket);
  if (choice.onDamage === "refuse") {
    throw new JournalError(
      `the store file ${path} is damaged (${error.message}); nothing was changed. ` +
        "With --on-damage fresh the daemon renames it and begins with an empty store",
    );
  }
  const stamp = wallDate(clock).toISOString().replaceAll(/[-:.]/g, "");
  const renamed = renameStore(path, `damaged-${stamp}`);
  log(
    "error",
    `the store file ${path} is damaged (${error.message}): it is now ${renamed}, ` +
      "and this daemon begins with an EMPTY store",
  );
}
