/** What a daemon takes of its host: files, memory, lines in the log. */
/** What the simulated host keeps in the folder itself. */
const OF_THE_HOST = new Set(["host", "pages", "events", "notices", "xsd_port", "pid", "run"]);

/** Bytes of a block in which stat(2) counts. */
const BLOCK_BYTES = 512;

/** In the names of the files of a history. */
const OF_THE_HISTORY = ".history";

/** Bytes that files take. */
export interface FileBytes {
  /** Of the store. */
  state: number;
  /** Of its history. */
  history: number;
}

/** What the files of some folders take, of the simulation's own none. */
export function fileBytes(...folders: readonly string[]): FileBytes {
  const bytes: FileBytes = { state: 0, history: 0 };
  for (const folder of folders) {
    for (const { name, isFile } of Deno.readDirSync(folder)) {
      if (!isFile || OF_THE_HOST.has(name)) continue;
      bytes[name.includes(OF_THE_HISTORY) ? "history" : "state"] += allocated(`${folder}/${name}`);
    }
  }
  return bytes;
}

function allocated(path: string): number {
  try {
    return (Deno.statSync(path).blocks ?? 0) * BLOCK_BYTES;
  } catch (error) {
    // Files come and go.
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** What a process has in memory now; null when it is gone. */
export function residentBytes(pid: number): number | null {
  try {
    return Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]) * PAGE_BYTES;
  } catch {
    return null;
  }
}

const PAGE_BYTES = 4096;
