/** Which records `xs log` is about. */
import { Glob } from "../store/glob.ts";
import { toText } from "../wire/text.ts";
import type { BlockHead } from "./blocks.ts";
import { authorKeys, mayHave, programOf } from "./filter.ts";
import { isUnder } from "./path_set.ts";
import type { Author, Change, HistoryRecord, Kind, NodeState } from "./record.ts";

/** Conditions that a record has to meet, all that are given. */
export interface LogFilter {
  /** Something at or below one of these was changed; `*` and `?` stand for characters of a name, `**` for any names. */
  readonly paths?: readonly string[];
  /** The paths are nodes, and nothing below them counts. */
  readonly exact?: boolean;
  /** Numbers from and to which, inclusive. */
  readonly since?: number;
  readonly until?: number;
  /** A domain's number, or the name that it had. */
  readonly domain?: number | string;
  /** A process's number, or the name of its program. */
  readonly process?: number | string;
  readonly kind?: Kind;
  /** An old or a new value has this text in it, one character a byte. */
  readonly text?: string;
  /** Only transactions that were aborted, or (false) none of these. */
  readonly aborted?: boolean;
}

/** A filter that is ready for use. */
export class LogMatcher {
  readonly #filter: LogFilter;
  readonly #patterns: readonly Pattern[];

  constructor(filter: LogFilter) {
    this.#filter = filter;
    const { exact = false, paths = [] } = filter;
    this.#patterns = paths.map(exact ? exactly : patternOf);
  }

  /** Whether a block may have such a record; false is sure. */
  mayBeIn({ begin, filter, last }: BlockHead): boolean {
    const { domain, kind, process, since = 0, until = Infinity } = this.#filter;
    if (last < since || begin > until) return false;
    if (kind === "death" && !mayHave(filter, DAEMON_KEY)) return false;
    if (domain !== undefined && !mayHave(filter, domainKey(domain))) return false;
    if (process !== undefined && !mayHave(filter, processKey(process))) return false;
    const patterns = this.#patterns;
    return patterns.length === 0 || patterns.some(({ top }) => mayHave(filter, top));
  }

  /** Whether it is such a record. A gap may have had one, wherever only numbers are asked for. */
  matches(record: HistoryRecord): boolean {
    const { aborted, domain, kind, process, since = 0, until = Infinity } = this.#filter;
    if (record.number < since || record.number > until) return false;
    if (record.type === "gap") return aborted !== true && kind === undefined;
    if (aborted !== undefined && aborted !== (record.type === "abort")) return false;
    if (aborted !== true && kind !== undefined && kindOf(record) !== kind) return false;
    if (domain !== undefined && !isOfDomain(record.author, domain)) return false;
    if (process !== undefined && !isOfProcess(record.author, process)) return false;
    return this.#touches(record);
  }

  /** Which paths a record has to touch, one of them; null for any, or none. */
  get wantsPath(): ((path: string) => boolean) | null {
    return this.#patterns.length === 0 ? null : (path) => this.matchesPath(path);
  }

  /** Whether a change is one of those that the filter asks for. */
  matchesChange({ new: now, old, path }: Change): boolean {
    return this.matchesPath(path) &&
      (hasText(old, this.#filter.text) || hasText(now, this.#filter.text));
  }

  #touches(record: HistoryRecord): boolean {
    if (record.type === "abort") {
      return this.#filter.text === undefined && this.matchesPath(record.path);
    }
    if (this.#patterns.length === 0 && this.#filter.text === undefined) return true;
    return record.type === "commit" && record.changes.some((change) => this.matchesChange(change));
  }

  /** Whether a node at that path is one of those. */
  matchesPath(path: string): boolean {
    return this.#patterns.length === 0 || this.#patterns.some((pattern) => pattern.matches(path));
  }
}

function kindOf(record: HistoryRecord): Kind | null {
  return record.type === "commit" ? record.kind : null;
}

/** Domains' deaths are the daemon's commits: few blocks have any. */
const [DAEMON_KEY = ""] = authorKeys({ kind: "daemon" });

function domainKey(domain: number | string): string {
  return typeof domain === "number" ? `domain ${domain}` : `name ${domain}`;
}

function processKey(process: number | string): string {
  return typeof process === "number" ? `pid ${process}` : `command ${process}`;
}

/** A process's domain is that of its socket, the control domain. */
function isOfDomain(author: Author, domain: number | string): boolean {
  if (author.kind !== "domain" && author.kind !== "process") return false;
  if (typeof domain === "number") return author.domid === domain;
  return author.kind === "domain" && author.name === domain;
}

function isOfProcess(author: Author, process: number | string): boolean {
  return author.kind === "process" &&
    (typeof process === "number"
      ? author.pid === process
      : author.command !== null && programOf(author.command) === process);
}

function hasText(node: NodeState | null, text: string | undefined): boolean {
  if (text === undefined) return true;
  return node?.value instanceof Uint8Array && toText(node.value).includes(text);
}

/** What a path is compared with. */
interface Pattern {
  /** All that it matches is at or below this. */
  readonly top: string;
  matches(path: string): boolean;
}

function exactly(path: string): Pattern {
  return { top: path, matches: (other) => other === path };
}

/** A path stands for all that is below it, with or without signs in it. */
function patternOf(text: string): Pattern {
  const first = text.search(/[*?]/);
  if (first < 0) return { top: text, matches: (path) => isUnder(path, text) };
  const glob = new Glob(text);
  const top = text.slice(0, Math.max(text.lastIndexOf("/", first), 1));
  return { top, matches: (path) => glob.matches(path) };
}
