/**
 * Xenstore for Deno programs: an async client, the wire codec, and a server to embed in tests.
 *
 * @example A client and a server in one program
 * ```ts
 * import { Client, EmbeddedServer } from "./mod.ts";
 *
 * await using server = await EmbeddedServer.start();
 * await using client = await Client.connect({ socket: server.socketPath });
 * await client.write("/hello", "world");
 * if (await client.readText("/hello") !== "world") throw new Error("not what was written");
 * ```
 *
 * @module
 */

export { Client, type ConnectOptions, type WatchOptions } from "./lib/client/client.ts";
export { XenstoreError, type XenstoreErrorCode } from "./lib/client/error.ts";
export { Nodes } from "./lib/client/nodes.ts";
export {
  type Access,
  formatPermission,
  parsePermission,
  type Permission,
} from "./lib/client/perms.ts";
export { Transaction, type TransactionOptions } from "./lib/client/transaction.ts";
export { Watch } from "./lib/client/watch.ts";

export { ERROR_NAMES, type ErrorName, errorPayload } from "./lib/wire/errors.ts";
export {
  decodeHeader,
  emptyHeader,
  encodeHeader,
  encodeMessage,
  type Header,
  HEADER_SIZE,
  MESSAGE_MAX,
  PAYLOAD_MAX,
} from "./lib/wire/header.ts";
export { MessageType, messageTypeName } from "./lib/wire/message_type.ts";
export { joinStrings, oneArgument, splitStrings } from "./lib/wire/payload.ts";
export { toBytes, toText } from "./lib/wire/text.ts";

export { type EmbeddedOptions, EmbeddedServer } from "./lib/testing/embedded.ts";
