import type { Clock } from "../clock.ts";
import type { State } from "../engine/state.ts";
import { exists, removeIfThere } from "../files.ts";
import { COMPANIONS, type Durability, JournalError, messageOf, renameStore } from "./database.ts";
import type { JournalParts } from "./journal_parts.ts";
import { settleNames } from "./settle.ts";
import { openStore } from "./store_file.ts";

/** What the store of before is named: one is kept. */
const OLD = "old";

/** The store that is to take its place, while it is made. */
function nextOf(path: string): string {
  return `${path}.next`;
}

/** How the next store is made. */
export interface NextStore {
  readonly durability: Durability;
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: JournalParts["log"];
  /** What it begins with; null for nothing. */
  readonly state: State | null;
}

/**
 * Puts the store of an earlier boot aside and another one in its place; returns where it now is. The
 * next store is whole on the disk before the old one is touched, so that a death at any step leaves the
 * old one, or what {@link finishReplacing} ends.
 *
 * @throws {JournalError} when there is no room for it: the old one then stays.
 */
export function replaceOldStore(path: string, next: NextStore): string {
  // There may be room for one of them only. Without the file the older one is this one, half moved.
  if (exists(path)) removeStore(`${path}.${OLD}`);
  makeNext(nextOf(path), next);
  return finish(path);
}

/**
 * Ends what a daemon that was killed has begun: returns where the old store is, or null if there was
 * nothing to be ended.
 */
export function finishReplacing(path: string): string | null {
  const next = nextOf(path);
  if (!exists(next)) return null;
  if (!exists(path)) return finish(path);
  // It may not be whole, and the store that it was made from is still there.
  removeStore(next);
  return null;
}

function finish(path: string): string {
  // The file goes first: as long as it is there, the next store counts for nothing.
  const renamed = renameStore(path, OLD);
  settleNames(path);
  Deno.renameSync(nextOf(path), path);
  settleNames(path);
  return renamed;
}

function makeNext(next: string, { bootId, clock, durability, log, state }: NextStore): void {
  removeStore(next);
  try {
    const { journal } = openStore(next, { durability, bootId, clock, log });
    try {
      if (state !== null) journal.begin({ state, rings: () => [] });
    } finally {
      journal.close();
    }
    const rest = COMPANIONS.map((name) => next + name).find(exists);
    if (rest !== undefined) {
      throw new JournalError(`there is no room for all of it: ${rest} is left`);
    }
    using file = Deno.openSync(next, { write: true });
    file.syncSync();
    settleNames(next);
  } catch (error) {
    removeStore(next);
    const text = error instanceof JournalError ? error.message : messageOf(error);
    throw new JournalError(`the store of this boot, ${next}, cannot be made: ${text}`);
  }
}

function removeStore(path: string): void {
  for (const name of [...COMPANIONS, ""]) removeIfThere(path + name);
}
