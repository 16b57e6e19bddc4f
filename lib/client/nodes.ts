import { bothLimits, type CallOptions, limitsOf } from "./call.ts";
import { orNull, traceCaller, XenstoreError } from "./error.ts";
import { Operations, toByteText } from "./operations.ts";
import { formatPermission, parsePermission, type Permission } from "./perms.ts";
import type { Route } from "./route.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * A path for the wire.
 *
 * @throws {XenstoreError} EINVAL for one with a NUL, which would read as two arguments.
 */
export function wirePath(operation: string, path: string): string {
  if (path.includes("\0")) {
    const shown = path.replaceAll("\0", "\\0");
    throw new XenstoreError("EINVAL", operation, shown, "a path cannot contain a NUL");
  }
  return toByteText(path);
}

/** Whether a request is lost that had no effect, and may be made again. */
function isLost(error: unknown): boolean {
  return error instanceof XenstoreError && error.code === "ECONNRESET" && !error.uncertain;
}

let routeOf: (nodes: Nodes) => Route;

/**
 * Makes requests for a method of a client; an error's stack has the line that called the method.
 */
export async function call<T>(
  nodes: Nodes,
  options: CallOptions,
  action: (operations: Operations) => Promise<T>,
): Promise<T> {
  const route = routeOf(nodes);
  const limits = bothLimits(limitsOf(options, route.clock), route.limits);
  for (let attempt = 0;; attempt++) {
    try {
      const session = route.session(limits);
      const open = session instanceof Promise ? await session : session;
      return await action(new Operations(open, route.txId, limits));
    } catch (error) {
      if (attempt < route.retries && isLost(error)) continue;
      traceCaller(error, call);
      throw error;
    }
  }
}

/**
 * What can be done to nodes, alone ({@link Client}) or in a transaction ({@link Transaction}).
 * Paths are text; one that does not begin with `/` is relative to the caller's own home,
 * `/local/domain/<domid>`. Every method rejects with a {@link XenstoreError}, or with the reason of
 * the signal that it was given.
 */
export abstract class Nodes {
  readonly #route: Route;

  static {
    routeOf = (nodes) => nodes.#route;
  }

  /**
   * Made by {@link Client} and {@link Transaction} only.
   *
   * @internal
   */
  protected constructor(route: Route) {
    this.#route = route;
  }

  /** A node's value, up to 4096 bytes, any bytes. */
  async read(path: string, options: CallOptions = {}): Promise<Uint8Array> {
    const name = wirePath("read", path);
    return await call(this, options, (nodes) => nodes.read(name));
  }

  /** A node's value as UTF-8 text; bytes that are not come as U+FFFD. */
  async readText(path: string, options: CallOptions = {}): Promise<string> {
    return decoder.decode(await this.read(path, options));
  }

  /** Sets a value, creating the node and its missing parents. Text is stored as UTF-8. */
  async write(path: string, value: Uint8Array | string, options: CallOptions = {}): Promise<void> {
    const name = wirePath("write", path);
    const bytes = typeof value === "string" ? encoder.encode(value) : value;
    await call(this, options, (nodes) => nodes.write(name, bytes));
  }

  /** The names of a node's children, however many they are. */
  async directory(path: string, options: CallOptions = {}): Promise<string[]> {
    const name = wirePath("directory", path);
    return await call(this, options, (nodes) => nodes.directory(name));
  }

  /** A node's permissions, its owner's entry first. */
  async getPerms(path: string, options: CallOptions = {}): Promise<Permission[]> {
    const name = wirePath("get_perms", path);
    const perms = await call(this, options, (nodes) => nodes.getPerms(name));
    return perms.map(parsePermission);
  }

  /** Replaces a node's permissions; the first entry names the owner. */
  async setPerms(
    path: string,
    perms: readonly Permission[],
    options: CallOptions = {},
  ): Promise<void> {
    const name = wirePath("set_perms", path);
    const entries = perms.map(formatPermission);
    await call(this, options, (nodes) => nodes.setPerms(name, entries));
  }

  /** Creates a node, with an empty value, and its missing parents; an existing one is left. */
  async mkdir(path: string, options: CallOptions = {}): Promise<void> {
    const name = wirePath("mkdir", path);
    await call(this, options, (nodes) => nodes.mkdir(name));
  }

  /** Removes a node and all below it; a missing node is no error if its parent exists. */
  async rm(path: string, options: CallOptions = {}): Promise<void> {
    const name = wirePath("rm", path);
    await call(this, options, (nodes) => nodes.rm(name));
  }

  /** Whether a node exists. @throws {XenstoreError} anything but ENOENT, such as EACCES. */
  async exists(path: string, options: CallOptions = {}): Promise<boolean> {
    const name = wirePath("exists", path);
    return await orNull(call(this, options, (nodes) => nodes.read(name))) !== null;
  }
}
