/**
 * A Xenstore daemon inside your own process, for the tests of programs that use Xenstore: with guests
 * that speak through ring pages, and a hypervisor that the test directs. Also exports the client.
 *
 * Permissions: `--allow-ffi` (epoll and the like of the C library), `--allow-read`, `--allow-write`,
 * `--allow-net`, `--allow-env`.
 *
 * @example A test that plays a guest
 * ```ts
 * import { Client, EmbeddedServer } from "@xenstore/xs/testing";
 *
 * await using server = await EmbeddedServer.start();
 * await using client = await Client.connect({ socket: server.socketPath });
 * using guest = await server.guest(7);
 * await guest.write("data/ready", "1");
 * const value = await client.readText("/local/domain/7/data/ready");
 * if (value !== "1") throw new Error(`read ${value}`);
 * ```
 *
 * @module
 */

export * from "./client.ts";
export type { Log } from "./lib/server/logging/log.ts";
export type { LogLevel } from "./lib/server/logging/log_format.ts";
export type { RingEnd, SimulatedDomains } from "./lib/testing/domains.ts";
export { type EmbeddedOptions, EmbeddedServer } from "./lib/testing/embedded.ts";
