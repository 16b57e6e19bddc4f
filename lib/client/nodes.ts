import { XenstoreError } from "./error.ts";
import { type Operations, toByteText } from "./operations.ts";
import { formatPermission, parsePermission, type Permission } from "./perms.ts";

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

/**
 * What can be done to nodes, alone ({@link Client}) or in a transaction ({@link Transaction}).
 * Paths are text; `/`-less ones are relative to the caller's own `/local/domain/<domid>`. Every
 * method rejects with a {@link XenstoreError}.
 */
export abstract class Nodes {
  protected readonly operations: Operations;

  protected constructor(operations: Operations) {
    this.operations = operations;
  }

  /** A node's value, up to 4096 bytes, any bytes. */
  async read(path: string): Promise<Uint8Array> {
    return await this.operations.read(wirePath("read", path));
  }

  /** A node's value as UTF-8 text; bytes that are not come as U+FFFD. */
  async readText(path: string): Promise<string> {
    return decoder.decode(await this.read(path));
  }

  /** Sets a value, creating the node and its missing parents. Text is stored as UTF-8. */
  async write(path: string, value: Uint8Array | string): Promise<void> {
    const bytes = typeof value === "string" ? encoder.encode(value) : value;
    await this.operations.write(wirePath("write", path), bytes);
  }

  /** The names of a node's children, however many they are. */
  async directory(path: string): Promise<string[]> {
    return await this.operations.directory(wirePath("directory", path));
  }

  /** A node's permissions, its owner's entry first. */
  async getPerms(path: string): Promise<Permission[]> {
    const perms = await this.operations.getPerms(wirePath("get_perms", path));
    return perms.map(parsePermission);
  }

  /** Replaces a node's permissions; the first entry names the owner. */
  async setPerms(path: string, perms: readonly Permission[]): Promise<void> {
    await this.operations.setPerms(wirePath("set_perms", path), perms.map(formatPermission));
  }

  /** Creates a node, with an empty value, and its missing parents; an existing one is left. */
  async mkdir(path: string): Promise<void> {
    await this.operations.mkdir(wirePath("mkdir", path));
  }

  /** Removes a node and all below it; a missing node is no error if its parent exists. */
  async rm(path: string): Promise<void> {
    await this.operations.rm(wirePath("rm", path));
  }

  /** Whether a node exists. @throws {XenstoreError} anything but ENOENT, such as EACCES. */
  async exists(path: string): Promise<boolean> {
    try {
      await this.operations.read(wirePath("exists", path));
      return true;
    } catch (error) {
      if (error instanceof XenstoreError && error.code === "ENOENT") return false;
      throw error;
    }
  }
}
