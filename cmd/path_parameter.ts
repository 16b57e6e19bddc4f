import { Operations } from "../lib/client/operations.ts";
import { COMPLETION_TIMEOUT_MS } from "../lib/limits.ts";
import { openSession, type XsContext } from "./context.ts";

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
  placeholder: "PATH",
  parse: String,
  proposeCompletions: proposePaths,
} as const;

/** One path or more. */
export const pathsParameter = { kind: "array", parameter: pathParameter, minimum: 1 } as const;
