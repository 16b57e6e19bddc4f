/** What each command states for its help. */

/** The groups of `xs --help`, in its order. */
export const GROUPS = ["read", "change", "back up", "debug", "daemon"] as const;

export type Group = typeof GROUPS[number];

/** What the help says of a command. */
export interface CommandDocs {
  readonly name: string;
  /** Other names, shown in the command's own help only. */
  readonly aliases?: readonly string[];
  /** Where it stands in `xs --help`. */
  readonly group: Group;
  /** Its line in `xs --help`: imperative, lower case, no full stop, at most BRIEF_COLUMNS characters. */
  readonly brief: string;
  /**
   * What it does, a paragraph each. A paragraph is wrapped to the page; one that begins with a
   * blank, such as a table, is printed as it is.
   */
  readonly description: readonly string[];
  /** What stands behind the command's name, an alternative each; without it, made of the parameters. */
  readonly usage?: readonly string[];
  /** Command lines and what each does; at least one. */
  readonly examples: readonly (readonly [line: string, what: string])[];
}
