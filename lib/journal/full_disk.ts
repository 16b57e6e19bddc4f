import type { ImageShelf } from "./image_shelf.ts";
import type { ReservedSpace } from "./reserved_space.ts";
import type { TurnLog } from "./turn_log.ts";
import type { StoreUpkeep } from "./upkeep.ts";

/** What a store file has that cannot be written. */
export interface FullFile {
  readonly images: ImageShelf;
  readonly reserve: ReservedSpace | undefined;
  readonly turns: TurnLog;
  readonly upkeep: StoreUpkeep;
}

/**
 * The store file could not be written: tries again, with all that is needless gone first. "found"
 * when it has the turns, and the next image if that cannot wait: changes can be taken again. "more"
 * when there is more to be done, "none" when there is no space yet.
 */
export function makeRoom(file: FullFile): "found" | "more" | "none" {
  const { images, reserve, upkeep } = file;
  if (images.isMaking) {
    upkeep.continueImage();
    return "more";
  }
  reserve?.release();
  upkeep.checkpoint();
  upkeep.deleteAllStale();
  const found = reserve === undefined || findRoom(file, reserve);
  if (!found || upkeep.imageIsUrgent) {
    return mayMakeImage(file, found) && upkeep.beginImageForRoom() ? "more" : "none";
  }
  // Not before: what cannot be refused would take the last of it.
  upkeep.drain(true);
  return "found";
}

/** Whether there is space again: if not around the store file, then free pages of its own. */
function findRoom({ turns, upkeep }: FullFile, reserve: ReservedSpace): boolean {
  upkeep.checkpoint();
  const { waiting } = turns;
  if (reserve.restore(waiting)) return true;
  reserve.release();
  upkeep.giveBack(reserve.wanted(waiting));
  upkeep.checkpoint();
  return reserve.restore(waiting);
}

/**
 * Whether an image can be tried. One that does not fit leaves pages in the log for which the file has
 * to grow before they can be deleted: the reserve has to be whole then, or it has to fit for sure.
 */
function mayMakeImage({ reserve, upkeep }: FullFile, found: boolean): boolean {
  if (found || reserve === undefined) return true;
  if (upkeep.imageBytesMost > upkeep.freeBytes + reserve.held) return false;
  reserve.release();
  return true;
}
