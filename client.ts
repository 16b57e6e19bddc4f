/**
 * An async client of Xenstore. It needs no FFI and loads nothing of the daemon.
 *
 * Permissions: `--allow-read`, `--allow-write` and `--allow-net` for the socket; `--allow-env` for XENSTORED_PATH,
 * XENSTORED_RUNDIR and XDG_RUNTIME_DIR, unless {@link ConnectOptions.socket} names the socket. A denied
 * permission is a {@link XenstoreError} that names it.
 *
 * @example Read, write, watch
 * ```ts ignore
 * import { Client } from "@xenstore/xs/client";
 *
 * await using client = await Client.connect({ reconnect: true });
 * await client.write("/vm/7/name", "web");
 * for await (const { path, value } of await client.watch("/vm/7", { values: true })) {
 *   console.log(path, value);
 * }
 * ```
 *
 * @module
 */

export type { Clock, Timer } from "./lib/clock.ts";
export type { CallOptions } from "./lib/client/call.ts";
export { Client, type ConnectOptions } from "./lib/client/client.ts";
export { XenstoreError, type XenstoreErrorCode } from "./lib/client/error.ts";
export type { ReconnectOptions } from "./lib/client/link.ts";
export { Nodes } from "./lib/client/nodes.ts";
export {
  type Access,
  formatPermission,
  parsePermission,
  type Permission,
} from "./lib/client/perms.ts";
export type { ByteStream } from "./lib/client/stream.ts";
export { Transaction, type TransactionOptions } from "./lib/client/transaction.ts";
export { tree, type TreeNode, type TreeOptions } from "./lib/client/tree.ts";
export { wait } from "./lib/client/wait.ts";
export { Watch, type WatchEvent, type WatchOptions } from "./lib/client/watch.ts";
export type { ErrorName } from "./lib/wire/errors.ts";
