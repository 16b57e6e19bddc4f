/** A file of the store. */
export interface StoreFile {
  readonly name: string;
  readonly bytes: number;
}

/** How a daemon came up. */
export interface Beginning {
  /** With an empty store, with the one that an earlier daemon left, or in the place of another daemon. */
  readonly how: "empty" | "recovered" | "live update";
  /** How the earlier daemon ended, or that the host was booted since. */
  readonly after: "end" | "death" | "boot" | null;
  /** When that committed its last turn, as RFC 3339 has it; null where that is not known. */
  readonly lastTurn: string | null;
  /** Nodes that were there at once. */
  readonly nodes: number;
  /** All this in words. */
  readonly text: string;
}

/** What there is of the history. */
export interface HistoryStatus {
  readonly bytes: number;
  /** Its bounds. */
  readonly bytesMax: number;
  readonly ageMaxMs: number;
  /** From when on there is one, as RFC 3339 has it; null where there is none yet. */
  readonly since: string | null;
}

/** What the daemon around the engine tells of itself. */
export interface ProcessStatus {
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since the daemon began to serve. */
  readonly uptimeMs: number;
  /** When that was, as RFC 3339 has it. */
  readonly since: string;
  readonly beginning: Beginning;
  /** Null where there is none. */
  readonly history: HistoryStatus | null;
  readonly store: {
    readonly persist: "none" | "crash" | "disk";
    /** The store file; null where the store is in memory only. */
    readonly path: string | null;
    /** What there is of it now: the file and those beside it. */
    readonly files: readonly StoreFile[];
    /** Bytes of turns that no image has yet: what recovery would do again. */
    readonly journalBytes: number;
  };
  /** In bytes. */
  readonly memory: {
    readonly resident: number;
    /** Of JavaScript's heap, what is in use. */
    readonly heap: number;
    /** Outside of the heap: values and buffers. */
    readonly external: number;
  };
  readonly work: {
    /** Turns so far. */
    readonly turns: number;
    /** Units of work that clients have used so far: a unit is some 10 ns. */
    readonly units: number;
  };
}
