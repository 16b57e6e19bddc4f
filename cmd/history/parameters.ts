import type { CommonFlags } from "../context.ts";
import { type ValueFlag, valueFlag } from "../flags.ts";
import { pathParameter } from "../path_parameter.ts";
import { UsageError } from "../report.ts";
import { absolutePath } from "../../lib/wire/home_path.ts";

/** The options of every command that looks at the history. */
export interface HistoryFlags extends CommonFlags {
  readonly store?: string;
}

/** The parameter that {@link HistoryFlags} adds. */
export const storeFlag = valueFlag(
  "FILE",
  "Read the history of this store file, of a daemon that has stopped",
);

/** The options of a command that reads the store. */
export interface AtFlags extends HistoryFlags {
  readonly at?: string;
}

/** An option that takes a point in time; the command reads it, since it knows what time it is. */
export function pointFlag(brief: string): ValueFlag<string> {
  return valueFlag("POINT", brief);
}

/** The parameters that {@link AtFlags} adds. */
export const atFlags = {
  at: pointFlag("Show the store as it was at POINT: -5m, 14:03, 1234 (a commit) and so on"),
  store: { ...storeFlag, brief: "With --at: the history of this store file, without a daemon" },
} as const;

/** A point as an option takes it: an @ before it says nothing, and a number alone is a commit. */
export function pointText(text: string): string {
  const point = text.replace(/^@/, "");
  return /^\d+(?:~\d+)?$/.test(point) ? `#${point}` : point;
}

/** What a point can be, for help. */
export const POINTS =
  "POINT is -90s or 5m (ago), 14:03, 'yesterday 14:03', 2026-01-31T12:00:00, 1234 or '#1234' (a commit), " +
  "1234~3 (the third before it), start (of the daemon) or boot.";

/** Paths as the daemon takes them. */
const PATH = /^(?:\/|@[\w-]+|\/?[\w@-]+(?:\/[\w@-]+)*)$/;

/** Whether the daemon takes it as a path. */
export function isPath(text: string): boolean {
  return PATH.test(text);
}

/** Paths in which `*` and `?` stand for other characters, and `**` for any names. */
const GLOB = /^(?:\/|@[\w-]+|\/?[\w@*?-]+(?:\/[\w@*?-]+)*|(?:\/[\w@*?-]+)+)$/;

function parseGlob(input: string): string {
  if (!GLOB.test(input)) {
    throw new UsageError("invalid path (names of A-Z a-z 0-9 - _ @, and * and ? for others)");
  }
  return absolutePath(input);
}

/** A path of which what is below counts as well, or a pattern of such. */
export const globParameter = {
  ...pathParameter,
  brief: "Path of a node, with * and ? for other characters and ** for any names",
  parse: parseGlob,
} as const;

/** Paths as they are, without a pattern. */
function parsePath(input: string): string {
  if (!isPath(input)) {
    throw new UsageError(
      "invalid path (a path has only A-Z a-z 0-9 - / _ @, no doubled slash and none at its end)",
    );
  }
  return absolutePath(input);
}

/** The path of one node. */
export const nodeParameter = { ...pathParameter, parse: parsePath } as const;

/** A commit's number, as log prints it. */
export const commitParameter = {
  brief: "Number of a commit, as xs log shows it; 12~3 is the third before it",
  placeholder: "COMMIT",
  parse: (input: string): string => {
    if (/^#?\d{1,15}(?:~\d{1,15})?$/.test(input)) return input;
    throw new UsageError("invalid commit (a number, as xs log shows it, such as 12 or 12~3)");
  },
} as const;
