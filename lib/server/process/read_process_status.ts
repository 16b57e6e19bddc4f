import type { ProcessStatus, StoreFile } from "../../engine/process_status.ts";
import { lstatOf, namesIn } from "../../files.ts";
import { STATUS_FILES_MAX } from "../../limits.ts";

/** How the daemon's store is kept. */
export interface Keeping {
  readonly persist: ProcessStatus["store"]["persist"];
  /** The store file; null where there is none. */
  readonly path: string | null;
}

/** What a process knows of itself for {@link ProcessStatus}. */
export interface ProcessFacts
  extends Pick<ProcessStatus, "version" | "uptimeMs" | "since" | "beginning" | "history"> {
  readonly keeping: Keeping;
  readonly journalBytes: number;
  readonly turns: number;
  readonly units: number;
}

/** The status of this process now. */
export function processStatus(facts: ProcessFacts): ProcessStatus {
  const { keeping, journalBytes } = facts;
  const { rss, heapUsed, external } = Deno.memoryUsage();
  return {
    version: facts.version,
    pid: Deno.pid,
    uptimeMs: Math.round(facts.uptimeMs),
    since: facts.since,
    beginning: facts.beginning,
    history: facts.history,
    store: { ...keeping, files: storeFiles(keeping.path), journalBytes },
    memory: { resident: rss, heap: heapUsed, external },
    work: { turns: facts.turns, units: facts.units },
  };
}

/** The store file and those that SQLite and the journal keep beside it under longer names. */
function storeFiles(path: string | null): StoreFile[] {
  if (path === null) return [];
  const at = path.lastIndexOf("/") + 1;
  const directory = path.slice(0, at) || ".", name = path.slice(at);
  const files: StoreFile[] = [];
  for (const entry of namesIn(directory)) {
    if (!entry.startsWith(name) || files.length === STATUS_FILES_MAX) continue;
    const file = lstatOf(`${path.slice(0, at)}${entry}`);
    if (file?.isFile === true) files.push({ name: entry, bytes: file.size });
  }
  return files.sort((a, b) => a.name < b.name ? -1 : 1);
}
