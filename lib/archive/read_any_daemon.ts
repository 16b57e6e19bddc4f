import { WALK_REQUESTS_AHEAD } from "../limits.ts";
import { orNull } from "../client/error.ts";
import type { Operations } from "../client/operations.ts";
import { nodeOf } from "../state/bare_records.ts";
import type * as records from "../state/records.ts";
import { childPath, ROOT_PATH } from "../store/path.ts";
import { parsePerm } from "../store/perms.ts";
import { ArchiveError, type ProgressSink } from "./archive.ts";

type NodeRecord = records.Node | records.Special;

interface Visit {
  readonly record: NodeRecord;
  readonly names: readonly string[];
}

/**
 * All nodes of any daemon, read one by one within one transaction, so that they are those of one
 * moment: parents first, siblings in the daemon's order. Only nodes and permissions can be read so.
 *
 * @throws {XenstoreError} when the daemon does not let us.
 */
export async function walkNodes(
  outside: Operations,
  progress: ProgressSink,
): Promise<NodeRecord[]> {
  const nodes = await outside.begin();
  try {
    return await walk(nodes, progress);
  } finally {
    await nodes.end(false).catch(() => {});
  }
}

async function walk(nodes: Operations, progress: ProgressSink): Promise<NodeRecord[]> {
  const done = new Map<string, Visit>();
  const pending = [ROOT_PATH];
  const running = new Map<string, Promise<void>>();
  while (pending.length > 0 || running.size > 0) {
    while (pending.length > 0 && running.size < WALK_REQUESTS_AHEAD) {
      const path = pending.pop()!;
      const visiting = visit(nodes, path).then((visited) => {
        running.delete(path);
        if (visited === null) return;
        done.set(path, visited);
        progress.update("reading nodes", done.size, 0);
        for (const name of visited.names) pending.push(childPath(path, name));
      });
      // The caller that waits for it gets its failure; until then it is not unhandled.
      visiting.catch(() => {});
      running.set(path, visiting);
    }
    await Promise.race(running.values());
  }
  return inOrder(done);
}

function inOrder(done: ReadonlyMap<string, Visit>): NodeRecord[] {
  const found: NodeRecord[] = [], pending = [ROOT_PATH];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const visited = done.get(path);
    if (visited === undefined) continue;
    found.push(visited.record);
    for (let i = visited.names.length - 1; i >= 0; i--) {
      pending.push(childPath(path, visited.names[i]!));
    }
  }
  return found;
}

async function visit(nodes: Operations, path: string): Promise<Visit | null> {
  // A daemon may list a node that it does not let us read.
  const found = await orNull(
    Promise.all([nodes.read(path), nodes.getPerms(path), nodes.directory(path)]),
  );
  if (found === null) return null;
  const [value, perms, names] = found;
  // oxenstored lists the specials among the root's children.
  const known = path.startsWith("/@") ? path.slice(1) : path;
  return { record: recordOf(known, value, perms), names };
}

function recordOf(path: string, value: Uint8Array, texts: readonly string[]): NodeRecord {
  const perms = texts.map((text) => {
    const entry = parsePerm(text);
    if (entry === null) {
      throw new ArchiveError(`the daemon says '${text}' is a permission of ${path}`);
    }
    return entry;
  });
  return nodeOf(path, value, perms);
}
