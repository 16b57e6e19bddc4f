import { XenstoreError } from "../lib/client/error.ts";
import type { Operations } from "../lib/client/operations.ts";
import { ToolFailure } from "../lib/client/tools/failure.ts";
import { homePath } from "../lib/wire/home_path.ts";
import { toText } from "../lib/wire/text.ts";

/**
 * An error that says of a missing node with a relative path where the daemon looked for it, and
 * what the user perhaps meant. All other errors are returned as they are.
 */
export async function explainMissing(nodes: Operations, error: unknown): Promise<unknown> {
  const cause = error instanceof ToolFailure ? error.cause : error;
  if (!(cause instanceof XenstoreError) || cause.code !== "ENOENT") return error;
  const { operation, path } = cause;
  if (!/^[\w-]/.test(path) || operation === "connect" || operation === "control") return error;
  try {
    const there = await exists(nodes, `/${path}`);
    const hint = there ? `did you mean /${path}?` : "an absolute path begins with /";
    const detail = `no such node (looked for ${await home(nodes)}/${path}; ${hint})`;
    return new XenstoreError("ENOENT", operation, path, detail);
  } catch {
    return error;
  }
}

async function exists(nodes: Operations, path: string): Promise<boolean> {
  return await nodes.read(path).then(() => true, () => false);
}

/** The toolstack writes each domain's number into its home. */
async function home(nodes: Operations): Promise<string> {
  const domid = await nodes.read("domid").then(toText, () => null);
  return domid !== null && /^\d+$/.test(domid) ? homePath(Number(domid)) : homePath(0);
}
