import { DURATION_FORMS, parseDuration } from "../lib/client/duration.ts";
import { Operations } from "../lib/client/operations.ts";
import { COMPLETION_TIMEOUT_MS } from "../lib/limits.ts";
import { openSession, type XsContext } from "./context.ts";
import { UsageError } from "./report.ts";

/** Children of the node that a half-typed path is in; nothing when the daemon does not tell. */
async function proposePaths(this: XsContext, partial: string): Promise<string[]> {
  const slash = partial.lastIndexOf("/");
  if (slash < 0) return ["/"];
  const parent = partial.slice(0, slash + 1);
  try {
    const session = await openSession(this.shell, {}, COMPLETION_TIMEOUT_MS);
    try {
      const nodes = new Operations(session);
      const names = await nodes.directory(slash === 0 ? "/" : partial.slice(0, slash));
      return names.map((name) => parent + name).filter((path) => path.startsWith(partial));
    } finally {
      session.close();
    }
  } catch {
    return [];
  }
}

/** The parameter of a node's path. */
export const pathParameter = {
  brief: "Path of a node, such as /local/domain/1/name",
  placeholder: "path",
  parse: String,
  proposeCompletions: proposePaths,
} as const;

/** One path or more. */
export const pathsParameter = { kind: "array", parameter: pathParameter, minimum: 1 } as const;

/** A whole number from 0 up. */
export function parseCount(input: string): number {
  if (!/^\d{1,9}$/.test(input)) throw new UsageError("invalid number (a whole number from 0 up)");
  return Number(input);
}

/** A domain's number. */
export function parseDomid(input: string): number {
  const domid = /^\d{1,5}$/.test(input) ? Number(input) : NaN;
  if (!(domid <= 65535)) throw new UsageError("invalid domid (a number up to 65535)");
  return domid;
}

const SUFFIXES: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** A number of bytes, such as 512M. */
export function parseBytes(input: string): number {
  const found = /^(\d{1,12})([KMG]?)$/i.exec(input);
  const bytes = found === null ? NaN : Number(found[1]) * SUFFIXES[found[2]!.toUpperCase()]!;
  if (!(bytes <= 2 ** 50)) throw new UsageError("invalid size (bytes, or such as 512M, 2G)");
  return bytes;
}

/** A duration, in ms. */
export function parseDurationOption(input: string): number {
  const duration = parseDuration(input);
  if (duration === null) throw new UsageError(`invalid duration (${DURATION_FORMS})`);
  return duration;
}
