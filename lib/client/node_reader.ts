/** What reading tools need of a store: the daemon's now, or one of the past. Paths have one character a byte. */
export interface NodeReader {
  read(path: string): Promise<Uint8Array>;
  /** The names of a node's children. */
  directory(path: string): Promise<string[]>;
  /** A letter and a domid each, the owner first. */
  getPerms(path: string): Promise<string[]>;
  /** What they come from; nodes of the past need none. */
  readonly session?: { readonly open: boolean };
  /** How long a value is that must not be shown; null for one that may. A daemon hides none. */
  hidden?(path: string): number | null;
}
