/** Where the store file of a daemon is, as the daemon itself tells. */
import { XenstoreError } from "../client/error.ts";
import type { Operations } from "../client/operations.ts";
import type { Status } from "../engine/status.ts";
import { isFile } from "../files.ts";
import { ArchiveError } from "./archive.ts";

/** The store of a daemon, for the history that it has. */
export interface LiveStore {
  readonly path: string;
  /** When the daemon began to serve, in ms since 1970; null when there is none that tells. */
  readonly startedAt: number | null;
}

/** How a daemon is asked. */
export interface LiveContext {
  readonly socketPath: string;
  connect(): Promise<Operations>;
  /** Ms since 1970. */
  readonly now: number;
}

/**
 * Asks the daemon. Where none answers, or one that does not know the question, the store is at its usual place.
 *
 * @throws {ArchiveError} when there is no store file; {@link XenstoreError} from the daemon.
 */
export async function findLiveStore(
  { connect, now, socketPath }: LiveContext,
  name: string,
): Promise<LiveStore> {
  const usual = { path: `${socketPath}.store`, startedAt: null };
  const text = await askStatus(connect, () => isFile(usual.path));
  if (text === null) {
    if (isFile(usual.path)) return usual;
    throw new ArchiveError(
      `the daemon's store is not at ${usual.path} (name its file, as in FILE@TIME)`,
      name,
    );
  }
  const { store, uptimeMs }: Pick<Status, "store" | "uptimeMs"> = JSON.parse(text);
  if (store.path === null) {
    throw new ArchiveError("the daemon keeps no store file (--persist none): no history", name);
  }
  return { path: store.path, startedAt: now - uptimeMs };
}

/** Null where the usual place must be looked at. */
async function askStatus(
  connect: () => Promise<Operations>,
  isUsual: () => boolean,
): Promise<string | null> {
  try {
    return await (await connect()).control("status");
  } catch (error) {
    if (!(error instanceof XenstoreError)) throw error;
    if (error.code === "EINVAL" || isUsual()) return null;
    throw error;
  }
}
