/** A file of the store. */
export interface StoreFile {
  readonly name: string;
  readonly bytes: number;
}

/** What the daemon around the engine tells of itself. */
export interface ProcessStatus {
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since the daemon began to serve. */
  readonly uptimeMs: number;
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
