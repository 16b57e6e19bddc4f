import { systemText, type XenstoreError } from "../error.ts";
import type { Operations } from "../operations.ts";
import { ToolFailure } from "./failure.ts";

export interface ChmodOptions {
  /** Set them on all nodes above, except "/", as well. */
  readonly upto: boolean;
  /** Set them on all nodes below as well. */
  readonly recurse: boolean;
  /** Most bytes of a path below; the stock tool's buffer has room for 255. */
  readonly pathMax?: number;
}

const INT64_MAX = 2n ** 63n - 1n;

/** C's `strtol(text, NULL, 10)`, cut to 32 bits, as libxenstore 4.17 reads a domid. */
function readDomid(text: string): number {
  const match = /^[ \t-\r]*([+-]?)(\d+)/.exec(text);
  if (match === null) return 0;
  const value = BigInt(`${match[2]}`);
  const signed = match[1] === "-" ? -value : value;
  if (signed > INT64_MAX) return Number(BigInt.asIntN(32, INT64_MAX));
  if (signed < -INT64_MAX) return Number(BigInt.asIntN(32, -INT64_MAX - 1n));
  return Number(BigInt.asIntN(32, signed));
}

/**
 * The wire form of the stock tool's permission argument: a letter, then a number as C reads it
 * (none is 0; what follows it is ignored).
 *
 * @throws {ToolFailure} when the letter is none of n, r, w, b.
 */
export function readPermissionArgument(text: string): string {
  const letter = text.charAt(0);
  if (!/^[nrwb]$/.test(letter)) {
    // An empty argument's first character is C's NUL, and printed as such.
    throw new ToolFailure(`Invalid permission specification: '${letter || "\0"}'`);
  }
  return `${letter}${readDomid(text.slice(1))}`;
}

/** `xenstore-chmod`: sets the permissions of `path` to `perms`, arguments as of the tool. */
export async function chmodTool(
  nodes: Operations,
  path: string,
  perms: readonly string[],
  options: ChmodOptions,
): Promise<void> {
  const parsed = perms.map(readPermissionArgument);
  await setPerms(nodes, path, parsed);
  if (options.upto) {
    for (const above of nodesAbove(path)) await setPerms(nodes, above, parsed);
  }
  if (options.recurse) await setPermsBelow(nodes, path, parsed, options.pathMax ?? Infinity);
}

async function setPerms(nodes: Operations, path: string, perms: string[]): Promise<void> {
  await nodes.setPerms(path, perms).catch((error: XenstoreError) => {
    const reason = systemText(error.code);
    throw new ToolFailure(`Error occurred setting permissions on '${path}': ${reason}`, error);
  });
}

function* nodesAbove(path: string): Generator<string> {
  for (;;) {
    const slash = path.lastIndexOf("/");
    if (slash < 0) throw new ToolFailure(`Unable to locate path separator '/' in '${path}'`);
    if (slash === 0) return;
    path = path.slice(0, slash);
    yield path;
  }
}

async function setPermsBelow(
  nodes: Operations,
  path: string,
  perms: string[],
  pathMax: number,
): Promise<void> {
  const open = [path];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node !== path) await setPerms(nodes, node, perms);
    // A node that cannot be listed is passed over, as by the stock tool.
    const names = await nodes.directory(node).catch((): string[] => []);
    const parent = node;
    const below = names.map((name) => `${parent}/${name}`.slice(0, pathMax));
    open.push(...below.reverse());
  }
}
