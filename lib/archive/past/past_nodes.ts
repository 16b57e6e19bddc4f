/** The nodes of a moment of the past, for the tools that read a daemon's. */
import type { NodeReader } from "../../client/node_reader.ts";
import { XenstoreError } from "../../client/error.ts";
import type { Between, Unknown } from "../../history/moment.ts";
import { isUnder } from "../../history/path_set.ts";
import type { Point } from "../../history/points.ts";
import type { NodeState } from "../../history/record.ts";
import { HISTORY_UNKNOWN_LINES } from "../../limits.ts";
import { parentPath } from "../../store/path.ts";
import { formatPerm } from "../../store/perms.ts";
import { hiddenValue } from "../../store/redaction.ts";
import { absolutePath } from "../../wire/home_path.ts";
import { toBytes } from "../../wire/text.ts";
import { ArchiveError } from "../archive.ts";
import { askWhole, type HistorySource } from "./history_source.ts";

/** What a history says of one moment. */
export class PastNodes implements NodeReader {
  readonly #children = new Map<string, string[]>();

  constructor(
    /** The number after which it was so. */
    readonly number: number,
    readonly nodes: ReadonlyMap<string, NodeState>,
    readonly unknowns: readonly Unknown[],
  ) {
    for (const path of nodes.keys()) {
      if (!path.startsWith("/") || path === "/") continue;
      const parent = parentPath(path), names = this.#children.get(parent);
      const name = path.slice(path.lastIndexOf("/") + 1);
      if (names === undefined) this.#children.set(parent, [name]);
      else names.push(name);
    }
    for (const names of this.#children.values()) names.sort();
  }

  /** Those at and below some paths. */
  static async read(
    source: HistorySource,
    at: Point,
    tops: readonly string[],
    levels: number | null = null,
  ): Promise<PastNodes> {
    const paths = tops.map(absolutePath);
    const { answers, head } = await askWhole(source, { kind: "at", at, tops: paths, levels });
    const nodes = new Map<string, NodeState>(), unknowns: Unknown[] = [];
    for (const answer of answers) {
      if (answer.type === "node") nodes.set(answer.path, answer.node);
      else if (answer.type === "unknown") unknowns.push(answer);
    }
    return new PastNodes(head.number, nodes, unknowns);
  }

  /** Null when it is known what was at a path; else between which numbers that changed. */
  unknown(path: string): Between | null {
    return this.unknowns.find((one) =>
      one.path === path || (one.isBelow && isUnder(path, one.path))
    ) ?? null;
  }

  /** @throws {ArchiveError} when it is not known; {@link XenstoreError} when there was none. */
  read(path: string): Promise<Uint8Array> {
    return this.#look(
      "read",
      path,
      ({ value }) => value instanceof Uint8Array ? value : toBytes(hiddenValue(value.redacted)),
    );
  }

  directory(path: string): Promise<string[]> {
    return this.#look("directory", path, () => this.#children.get(absolutePath(path)) ?? []);
  }

  getPerms(path: string): Promise<string[]> {
    return this.#look("get_perms", path, ({ perms }) => perms.map(formatPerm));
  }

  hidden(path: string): number | null {
    const value = this.nodes.get(absolutePath(path))?.value;
    return value === undefined || value instanceof Uint8Array ? null : value.redacted;
  }

  /** Paths of hidden nodes (only the length of the value is known), in order. */
  get hiddenPaths(): Set<string> {
    const paths = [...this.nodes.keys()].sort();
    return new Set(paths.filter((path) => this.hidden(path) !== null));
  }

  #look<T>(operation: string, path: string, found: (node: NodeState) => T): Promise<T> {
    const absolute = absolutePath(path), unknown = this.unknown(absolute);
    const node = this.nodes.get(absolute);
    // What a node had below it may be known although its value is not.
    if (unknown !== null && !(operation === "directory" && node !== undefined)) {
      return Promise.reject(new ArchiveError(unknownText(unknown), path));
    }
    if (node !== undefined) return Promise.resolve(found(node));
    const detail = `there was no such node, after #${this.number} (ENOENT)`;
    return Promise.reject(new XenstoreError("ENOENT", operation, path, detail));
  }
}

/** What is known of what is not. */
export function unknownText({ from, to }: Between): string {
  const end = Number.isFinite(to) ? `and #${to}` : "and now";
  return `known only to have changed between #${from} ${end}`;
}

/** Lines about the inexact paths of a moment, {@link HISTORY_UNKNOWN_LINES} at most. */
export function unknownLines(unknowns: readonly Unknown[]): string[] {
  const lines = unknowns.slice(0, HISTORY_UNKNOWN_LINES).map(({ isBelow, path, ...between }) =>
    `${path}${isBelow ? " and below" : ""}: ${unknownText(between)}`
  );
  const more = unknowns.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more unknown paths`] : lines;
}
