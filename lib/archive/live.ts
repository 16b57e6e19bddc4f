import { XenstoreError } from "../client/error.ts";
import { fromByteText, type Operations, toByteText } from "../client/operations.ts";
import { MessageType } from "../wire/message_type.ts";
import { ArchiveError, type ProgressSink } from "./archive.ts";

/** Between two looks at a job of the daemon, in ms: at first, and at most. */
const LOOK_FIRST_MS = 4;
const LOOK_MAX_MS = 50;

/** What the daemon answers that does not know such commands. */
const UNKNOWN = new Set(["EINVAL", "ENOSYS", "ENOENT", "EPERM"]);

/**
 * Gives an `xs` daemon the beginning of a job and waits for its end; returns what it reports. Null
 * when this daemon is another kind, which has no such command.
 *
 * @throws {ArchiveError} with the daemon's reason, and the archive's `name`, when the job failed.
 */
export async function runJob(
  nodes: Operations,
  words: readonly [string, ...string[]],
  what: string,
  progress: ProgressSink,
  name: string,
): Promise<string | null> {
  const begun = await begin(nodes, words);
  // oxenstored says OK to whatever it is told.
  if (begun === null || begun === "OK") return null;
  const [, job] = /^job (\d+)$/.exec(begun) ?? [];
  if (job === undefined) throw new ArchiveError(begun);
  for (let wait = LOOK_FIRST_MS;; wait = Math.min(2 * wait, LOOK_MAX_MS)) {
    const status = await statusOf(nodes, job);
    const [, word, rest = ""] = /^(\w+) ?(.*)$/s.exec(status) ?? [];
    if (word === "done") return rest;
    if (word !== "running") throw new ArchiveError(rest, name);
    const [, done, expected] = /^(\d+) of (\d+)$/.exec(rest) ?? [];
    progress.update(what, Number(done ?? 0), Number(expected ?? 0));
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function statusOf(nodes: Operations, job: string): Promise<string> {
  try {
    return fromByteText(await nodes.ask(MessageType.CONTROL, "control", "archive", job));
  } catch (error) {
    if (!(error instanceof XenstoreError) || error.code !== "ENOENT") throw error;
    throw new ArchiveError("another daemon has taken over meanwhile (try again)");
  }
}

async function begin(nodes: Operations, words: readonly string[]): Promise<string | null> {
  const [command = "", ...args] = words;
  try {
    const bytes = args.map(toByteText);
    return fromByteText(await nodes.ask(MessageType.CONTROL, "control", command, ...bytes));
  } catch (error) {
    if (error instanceof XenstoreError && UNKNOWN.has(error.code)) return null;
    throw error;
  }
}

/**
 * A folder that only this user and root can look into, for what the daemon and we hand over. It is
 * where the socket is, if we may write there: a service's own temporary folder may be another than
 * ours.
 */
export async function withFolder<T>(
  socketPath: string,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await makeFolder(socketPath);
  try {
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const NO_SOCKET = { gid: null, isSocket: false, uid: null };

/**
 * Lets a daemon that is not root, as its socket shows, at what root has made for it: what is in a
 * folder before the folder, or it could be something else by then.
 */
export async function giveToDaemon(path: string, socketPath: string): Promise<void> {
  if (Deno.uid() !== 0) return;
  // A kernel's device, by which a guest reaches its daemon, is nobody's to own what we make.
  const { gid, isSocket, uid } = await Deno.stat(socketPath).catch(() => NO_SOCKET);
  if (isSocket && uid !== 0) await Deno.chown(path, uid, gid);
}

async function makeFolder(socketPath: string): Promise<string> {
  const prefix = "xs-archive-";
  try {
    const real = await Deno.realPath(socketPath);
    return await Deno.makeTempDir({ dir: real.slice(0, real.lastIndexOf("/")) || "/", prefix });
  } catch {
    return await Deno.makeTempDir({ prefix });
  }
}

/**
 * The stream that an `xs` daemon writes of itself, or of one domain; null when it is another kind.
 *
 * @throws {ArchiveError} when it can't.
 */
export async function dumpLive(
  nodes: Operations,
  socketPath: string,
  domid: number | null,
  progress: ProgressSink,
): Promise<Uint8Array | null> {
  return await withFolder(socketPath, async (folder) => {
    await giveToDaemon(folder, socketPath);
    const file = `${folder}/dump`;
    const words = domid === null ? ["dump", file] as const : ["dump", file, `${domid}`] as const;
    const report = await runJob(nodes, words, "dumping", progress, "live");
    return report === null ? null : await Deno.readFile(file);
  });
}
