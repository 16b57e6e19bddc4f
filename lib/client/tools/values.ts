import { toBytes, toText } from "../../wire/text.ts";
import { escapeValue, unescapeValue } from "../../wire/stock_escape.ts";
import type { NodeReader } from "../node_reader.ts";
import type { Operations } from "../operations.ts";
import { ToolFailure } from "./failure.ts";
import type { Print } from "./run.ts";

export interface ReadOptions {
  /** Print each path and a colon before its value. */
  readonly prefix: boolean;
  /** Print the bytes as they are, with no line break. */
  readonly raw: boolean;
  /** How a value is shown otherwise; as the stock tool shows it by default. */
  readonly show?: (value: string) => string;
}

/** `xenstore-read`: the values of `paths`. */
export async function readTool(
  nodes: NodeReader,
  print: Print,
  paths: readonly string[],
  options: ReadOptions,
): Promise<void> {
  for (const path of paths) {
    const value = toText(
      await nodes.read(path).catch((error) => {
        throw new ToolFailure(`couldn't read path ${path}`, error, true);
      }),
    );
    if (options.prefix) print(`${path}: `);
    print(options.raw ? value : `${(options.show ?? escapeValue)(value)}\n`);
  }
}

/** `xenstore-write`: pairs of a path and a value. */
export async function writeTool(
  nodes: Operations,
  pairs: readonly (readonly [path: string, value: string])[],
  options: { readonly raw: boolean },
): Promise<void> {
  for (const [path, value] of pairs) {
    const bytes = toBytes(options.raw ? value : unescapeValue(value));
    await nodes.write(path, bytes).catch((error) => {
      throw new ToolFailure(`could not write path ${path}`, error, true);
    });
  }
}

/** `xenstore-exists`: fails, silently, unless all `paths` can be read. */
export async function existsTool(nodes: NodeReader, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await nodes.read(path).catch((error) => {
      throw new ToolFailure(null, error, true);
    });
  }
}

/** `xenstore-list`: the children of `paths`, with `prefix` behind their parent's path. */
export async function listTool(
  nodes: NodeReader,
  print: Print,
  paths: readonly string[],
  options: { readonly prefix: boolean },
): Promise<void> {
  for (const path of paths) {
    const names = await nodes.directory(path).catch((error) => {
      throw new ToolFailure(`could not list path ${path}`, error, true);
    });
    for (const name of names) print(`${options.prefix ? `${path}/` : ""}${name}\n`);
  }
}

/**
 * `xenstore-rm`: removes `paths`; with `tidy` also the nodes above that are left with neither
 * value nor children.
 */
export async function rmTool(
  nodes: Operations,
  paths: readonly string[],
  options: { readonly tidy: boolean },
): Promise<void> {
  for (const given of paths) {
    for (let path: string | null = given; path !== null;) {
      await removeNode(nodes, path);
      path = options.tidy ? await emptyParent(nodes, path) : null;
    }
  }
}

async function removeNode(nodes: Operations, path: string): Promise<void> {
  await nodes.rm(path).catch((error) => {
    throw new ToolFailure(`could not remove path ${path}`, error, true);
  });
}

/** The node above, if it is there and holds nothing. */
async function emptyParent(nodes: Operations, path: string): Promise<string | null> {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return null;
  const parent = path.slice(0, slash);
  try {
    const value = await nodes.read(parent);
    if (value.length > 0) return null;
    return (await nodes.directory(parent)).length === 0 ? parent : null;
  } catch {
    return null;
  }
}

/** The words in pairs of two; there is an even number of them. */
export function inPairs(words: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < words.length; i += 2) pairs.push([words[i]!, words[i + 1]!]);
  return pairs;
}
