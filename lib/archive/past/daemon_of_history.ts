/** Which daemon has the history of a store file. */
import { isFileLocked } from "../../../ffi/file_lock.ts";
import { XenstoreError } from "../../client/error.ts";
import type { Operations } from "../../client/operations.ts";
import type { Status } from "../../engine/status.ts";
import { exists, realPath } from "../../files.ts";
import { ArchiveError, usingFile } from "../archive.ts";

/**
 * The daemon that has the history at `path`, of the store at `store`; null when none has it, or it is not there.
 *
 * @param connect connects to the daemon that may have it.
 * @throws {ArchiveError} when another daemon has it; {@link XenstoreError} when that daemon does not answer in time.
 */
export async function daemonOfHistory(
  path: string,
  store: string,
  connect: () => Promise<Operations>,
): Promise<Operations | null> {
  if (!exists(path) || !isTaken(path)) return null;
  const nodes = await connectTo(connect);
  if (nodes !== null && await storeOf(nodes) === realPath(store)) return nodes;
  throw takenError(path);
}

/** Whether a daemon has the history at `path`. */
export function isTaken(path: string): boolean {
  return usingFile(path, "read", () => isFileLocked(path));
}

/** The error text for a history that another daemon uses. */
export function takenError(path: string): ArchiveError {
  return new ArchiveError(
    "a daemon has it: ask that one (name its socket in XENSTORED_PATH)",
    path,
  );
}

async function connectTo(connect: () => Promise<Operations>): Promise<Operations | null> {
  try {
    return await connect();
  } catch (error) {
    if (error instanceof XenstoreError) return null;
    throw error;
  }
}

/** The store file of a daemon; null where it tells none. */
async function storeOf(nodes: Operations): Promise<string | null> {
  try {
    const { store }: Pick<Status, "store"> = JSON.parse(await nodes.control("status"));
    return store.path === null ? null : realPath(store.path);
  } catch (error) {
    const isOther = error instanceof XenstoreError && error.code !== "ETIMEDOUT";
    if (isOther || error instanceof SyntaxError) return null;
    throw error;
  }
}
