/**
 * Xenstore for Deno programs: an async client ({@link Client}), the wire protocol, and a daemon to embed in
 * tests ({@link EmbeddedServer}). The client alone is `@xenstore/xs/client`: it needs no FFI and loads
 * nothing of the daemon.
 *
 * @example A client and a server in one program
 * ```ts
 * import { Client, EmbeddedServer } from "@xenstore/xs";
 *
 * await using server = await EmbeddedServer.start();
 * await using client = await Client.connect({ socket: server.socketPath });
 * await client.write("/hello", "world");
 * if (await client.readText("/hello") !== "world") throw new Error("not what was written");
 * ```
 *
 * @module
 */

export * from "./testing.ts";
export * from "./wire.ts";
