/** What a history can be asked: by a tool of its daemon, as JSON, or of the file itself. */
import type { LogFilter } from "./log_filter.ts";
import type { Point } from "./points.ts";
import { KINDS } from "./record.ts";

/** What a daemon and its tools have to agree in: the form of queries and of what is answered. */
export const QUERY_VERSION = "1";

/** The records that a filter asks for. */
export interface LogQuery {
  readonly kind: "log";
  /** Those from a point on, and up to one; null for all. */
  readonly since: Point | null;
  readonly until: Point | null;
  readonly filter: LogFilter;
  /** The newest first. */
  readonly backwards: boolean;
  /** Only so many, the newest; null for all. */
  readonly last: number | null;
}

/** Asks for all records. */
export const ALL_RECORDS: LogQuery = {
  kind: "log",
  since: null,
  until: null,
  filter: {},
  backwards: false,
  last: null,
};

/** Asks for the last commit that changed a path. */
export function lastChangeOf(path: string): LogQuery {
  return { ...ALL_RECORDS, filter: { paths: [path], exact: true, aborted: false }, last: 1 };
}

/** All that is known of one record. */
export interface ShowQuery {
  readonly kind: "show";
  readonly point: Point;
}

/** Who wrote what is at a path, or removed what was there. */
export interface BlameQuery {
  readonly kind: "blame";
  readonly path: string;
  /** As of when; null for now. */
  readonly at: Point | null;
  /** And all below it. */
  readonly recursive: boolean;
  readonly deleted: boolean;
}

/** The nodes at and below some paths at a moment. */
export interface AtQuery {
  readonly kind: "at";
  readonly at: Point;
  readonly tops: readonly string[];
  /** How many levels below them; null for all. */
  readonly levels: number | null;
}

export type Query = LogQuery | ShowQuery | BlameQuery | AtQuery;

/** A query as a tool sends it: text in which each character of a path or a value is a byte. */
export function formatQuery(query: Query): string {
  return JSON.stringify(query);
}

/** The query that a text is; null when it is none. */
export function parseQuery(text: string): Query | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  return isObject(json) && isQuery(json) ? json as unknown as Query : null;
}

type Fields = Readonly<Record<string, unknown>>;

function isQuery(json: Fields): boolean {
  switch (json["kind"]) {
    case "log":
      return has(json, {
        since: orNull(isPoint),
        until: orNull(isPoint),
        filter: isFilter,
        backwards: isFlag,
        last: orNull(isCount),
      });
    case "show":
      return has(json, { point: isPoint });
    case "blame":
      return has(json, {
        path: isPath,
        at: orNull(isPoint),
        recursive: isFlag,
        deleted: isFlag,
      });
    case "at":
      return has(json, { at: isPoint, tops: listOf(isPath), levels: orNull(isCount) });
    default:
      return false;
  }
}

type Check = (value: unknown) => boolean;

/** Whether an object has these fields besides its `kind`, and no others. */
function has(json: Fields, checks: Readonly<Record<string, Check>>): boolean {
  return Object.keys(json).every((name) => name === "kind" || name in checks) &&
    Object.entries(checks).every(([name, check]) => check(json[name]));
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isFlag: Check = (value) => typeof value === "boolean";
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
/** One character a byte. */
const isText: Check = (value) => typeof value === "string" && !/[\u0100-\uffff]/.test(value);
/** Of a node or of a special, or a pattern of such. */
const isPath: Check = (value) => isText(value) && /^[/@]/.test(String(value));

function orNull(check: Check): Check {
  return (value) => value === null || check(value);
}

function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

const isPoint: Check = (value) => {
  if (!isObject(value)) return false;
  switch (value["kind"]) {
    case "time":
      return has(value, { at: isCount });
    case "commit":
      return has(value, { number: isCount, back: isCount });
    case "turn":
      return has(value, { turn: isCount });
    default:
      return (value["kind"] === "start" || value["kind"] === "boot") && has(value, {});
  }
};

const isNumberOrName: Check = (value) => isCount(value) || isText(value);

const isFilter: Check = (value) =>
  isObject(value) && !("kind" in value && !KINDS.some((kind) => kind === value["kind"])) &&
  has(value, {
    paths: optional(listOf(isPath)),
    exact: optional(isFlag),
    since: optional(isCount),
    until: optional(isCount),
    domain: optional(isNumberOrName),
    process: optional(isNumberOrName),
    text: optional(isText),
    aborted: optional(isFlag),
  });
