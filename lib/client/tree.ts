import type { CallOptions } from "./call.ts";
import { traceCaller } from "./error.ts";
import { call, type Nodes, wirePath } from "./nodes.ts";
import { fromByteText } from "./operations.ts";
import { parsePermission, type Permission } from "./perms.ts";
import { ToolFailure } from "./tools/failure.ts";
import { walk } from "./tools/ls.ts";

/** What {@link tree} takes. The limits hold for the whole walk. */
export interface TreeOptions extends CallOptions {
  /** Whether each node has its permissions. */
  readonly perms?: boolean;
}

/** A node of a {@link tree}. */
export interface TreeNode {
  /** Its whole path. */
  readonly path: string;
  /** The last part of its path. */
  readonly name: string;
  /** How many levels it is below the node where the walk began: 0 for that node's children. */
  readonly depth: number;
  /** Its value; null when it cannot be read. */
  readonly value: Uint8Array | null;
  /** Its permissions, the owner's first; null when they cannot be read or were not asked for. */
  readonly perms: readonly Permission[] | null;
}

/**
 * All nodes below a node, depth first, children in the daemon's order. Many requests are under way at a
 * time. Outside of a transaction the tree may change meanwhile: a node that is removed is left out.
 *
 * @example Print a tree
 * ```ts
 * import { Client, EmbeddedServer, tree } from "@xenstore/xs";
 *
 * await using server = await EmbeddedServer.start();
 * await using client = await Client.connect({ socket: server.socketPath });
 * await client.write("/vm/7/name", "web");
 * const paths: string[] = [];
 * for await (const { path } of tree(client, "/vm")) paths.push(path);
 * if (paths.join(" ") !== "/vm/7 /vm/7/name") throw new Error(`found ${paths}`);
 * ```
 *
 * @param nodes a client, or a transaction.
 * @throws {XenstoreError} ENOENT when there is no node `path`; ECONNRESET; ETIMEDOUT.
 */
export async function* tree(
  nodes: Nodes,
  path: string,
  options: TreeOptions = {},
): AsyncGenerator<TreeNode, void, void> {
  const top = wirePath("directory", path);
  try {
    const operations = await call(nodes, options, (there) => Promise.resolve(there));
    for await (const node of walk(operations, top, options.perms === true)) {
      const { depth, name, perms, value } = node;
      yield {
        path: fromByteText(node.path),
        name: fromByteText(name),
        depth,
        value,
        perms: perms?.map(parsePermission) ?? null,
      };
    }
  } catch (error) {
    const cause = error instanceof ToolFailure ? error.cause : error;
    traceCaller(cause, tree);
    throw cause;
  }
}
