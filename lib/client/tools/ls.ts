import { LS_REQUESTS_AHEAD } from "../../limits.ts";
import { toText } from "../../wire/text.ts";
import { systemText, XenstoreError } from "../error.ts";
import { escapeBytes } from "../../wire/escape.ts";
import { escapeValue, showValue } from "../../wire/stock_escape.ts";
import type { NodeReader } from "../node_reader.ts";
import { fromByteText, type Operations } from "../operations.ts";
import { ToolFailure } from "./failure.ts";
import type { Print } from "./run.ts";

export interface LsOptions {
  /** Whole paths, no indentation, no limit to a line's width. */
  readonly flat: boolean;
  /** Show permissions. */
  readonly perms: boolean;
  /** Columns of the terminal, null when the output is none. */
  readonly columns: number | null;
  /** Show UTF-8 as it is, as the stock tool does not: a line is then text, not one character a byte. */
  readonly isText?: boolean;
}

/** A node met on the way through a tree. */
export interface WalkedNode {
  readonly path: string;
  readonly name: string;
  /** 0 for a child of the node where the walk began. */
  readonly depth: number;
  /** Null when it cannot be read. */
  readonly value: Uint8Array | null;
  /** Null when they cannot be read, or were not asked for. */
  readonly perms: readonly string[] | null;
}

/** Width without a terminal; the stock tool's. */
const WIDTH = 80;

/** Room kept for ` = "\..."`. */
const TAG_WIDTH = 8;

/** Where permissions begin. */
const PERMS_COLUMN = 60;

interface Visit {
  readonly node: Promise<WalkedNode>;
  readonly children: Promise<string[]>;
}

interface Level {
  readonly path: string;
  readonly names: readonly string[];
  /** What was asked for, in order, and not yet shown. */
  readonly visits: Visit[];
  /** How many of the names were asked for. */
  asked: number;
}

/**
 * All nodes below `top`, depth first, in the daemon's order. Not a snapshot: a node
 * that goes away meanwhile is passed over with all below it.
 *
 * @throws {ToolFailure} when a node cannot be listed.
 */
export async function* walk(
  nodes: NodeReader,
  top: string,
  withPerms: boolean,
): AsyncGenerator<WalkedNode> {
  const levels: Level[] = [newLevel(top, await listOrFail(nodes, top, false))];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    askAhead(nodes, level, levels.length - 1, withPerms);
    const visit = level.visits.shift();
    if (visit === undefined) {
      levels.pop();
      continue;
    }
    const node = await visit.node;
    yield node;
    levels.push(newLevel(node.path, await visit.children));
  }
}

function newLevel(path: string, names: readonly string[]): Level {
  return { path, names, visits: [], asked: 0 };
}

function askAhead(nodes: NodeReader, level: Level, depth: number, withPerms: boolean): void {
  if (level.visits.length > LS_REQUESTS_AHEAD / 2) return;
  while (level.visits.length < LS_REQUESTS_AHEAD && level.asked < level.names.length) {
    const name = level.names[level.asked++]!;
    const path = `${level.path}${level.path.endsWith("/") ? "" : "/"}${name}`;
    const node = lookAt(nodes, { path, name, depth }, withPerms);
    const children = listOrFail(nodes, path, true);
    // Their failures are heard when it is their turn; until then they are not unhandled.
    node.catch(() => {});
    children.catch(() => {});
    level.visits.push({ node, children });
  }
}

/** A node with its value and, if they are wanted, its permissions. */
export async function lookAt(
  nodes: NodeReader,
  place: Pick<WalkedNode, "path" | "name" | "depth">,
  withPerms: boolean,
): Promise<WalkedNode> {
  const none = (error: unknown): null => {
    if (nodes.session?.open !== false) return null;
    throw error;
  };
  const [value, perms] = await Promise.all([
    nodes.read(place.path).catch(none),
    withPerms ? nodes.getPerms(place.path).catch(none) : null,
  ]);
  return { ...place, value, perms };
}

async function listOrFail(nodes: NodeReader, path: string, below: boolean): Promise<string[]> {
  try {
    return await nodes.directory(path);
  } catch (error) {
    if (!(error instanceof XenstoreError)) throw error;
    if (below && error.code === "ENOENT") return [];
    throw new ToolFailure(`xs_directory (${path}): ${systemText(error.code)}`, error, true);
  }
}

/** `xenstore-ls`: everything below `path`. */
export async function lsTool(
  nodes: Operations,
  print: Print,
  path: string,
  options: LsOptions,
): Promise<void> {
  for await (const node of walk(nodes, path, options.perms)) print(`${lsLine(node, options)}\n`);
}

/** A node's line, without the line break. */
export function lsLine(node: WalkedNode, options: LsOptions): string {
  const width = lineWidth(options);
  const head = headOf(node, width, options);
  if (node.value === null) return `${head}:`;
  // The stock tool counts only the indentation and the bare name, never a flat path.
  const used = options.flat ? 0 : head.length;
  const line = `${head}${valuePart(node.value, used, width, options)}`;
  return node.perms === null ? line : `${line}  (${node.perms.join(",")})`;
}

function lineWidth(options: LsOptions): number {
  if (options.flat) return Infinity;
  return options.columns === null ? WIDTH : options.columns - 2;
}

function headOf({ depth, name, path }: WalkedNode, width: number, options: LsOptions): string {
  const shown = options.flat ? path : name;
  const text = options.isText === true ? escapeBytes(shown) : shown;
  return options.flat ? text : " ".repeat(depth) + cut(text, width - TAG_WIDTH - depth);
}

/** C's `%.*s`: at most `length` characters, all of them when that is negative. */
function cut(text: string, length: number): string {
  if (length < 0 || text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  // Half of a character beyond U+FFFF is none.
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
}

function valuePart(value: Uint8Array, used: number, width: number, options: LsOptions): string {
  const bytes = toText(value);
  const isText = options.isText === true;
  const escaped = isText ? fromByteText(showValue(bytes)) : escapeValue(bytes);
  // The stock tool counts what the value has, not what is shown of it.
  const length = isText ? escaped.length : value.length;
  if (width < used + length + TAG_WIDTH) {
    return ` = "${cut(escaped, width - TAG_WIDTH - used)}\\..."`;
  }
  const part = ` = "${escaped}"`;
  return options.perms ? `${part} ${filler(used + part.length + 1, width, options)}` : part;
}

/** Dots and blanks from column `from` to the permissions. */
function filler(from: number, width: number, options: LsOptions): string {
  const to = options.flat ? 0 : Math.min(PERMS_COLUMN, width);
  let text = "";
  for (let column = from; column < to; column++) text += (column & 1) === 1 ? "." : " ";
  return text;
}
