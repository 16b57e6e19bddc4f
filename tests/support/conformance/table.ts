import { MessageType } from "../../../lib/wire/message_type.ts";
import { toBytes } from "../../../lib/wire/text.ts";
import type { DomainChange, World } from "../worlds/world.ts";

/** The name of a type of request, or the number of one that has none. */
export type RequestType = keyof typeof MessageType | number;

/** Bytes of a request: text with a dot for each NUL, or {@link raw} text without that reading. */
export type Payload = string | Raw;

export interface Raw {
  readonly raw: string;
}

/** A payload taken as it is, one byte a character, dots and all. */
export function raw(text: string): Raw {
  return { raw: text };
}

/**
 * What must come back: `OK`, the name of an error, or the reply's bytes with a dot for each NUL.
 * A regular expression is matched against the latter form.
 */
export type Want = string | RegExp;

/** What a row says besides its request and reply. */
export interface Extras {
  /** Transaction id of the request; 0 unless told. */
  readonly tx?: number;
  /** Events by connection, each `path.token.`; a connection not named must get none. */
  readonly events?: Readonly<Record<string, readonly string[]>>;
}

export type RequestRow = readonly [
  from: string,
  type: RequestType,
  payload: Payload,
  want: Want,
  extras?: Extras,
];

/** A change in the world of domains, and the events that follow. */
export interface DomainRow {
  readonly domain: number;
  readonly change: DomainChange;
  readonly events?: Readonly<Record<string, readonly string[]>>;
}

/** A step that no row can express. It throws when something is wrong. */
export interface CodeRow {
  readonly code: (world: World) => Promise<void>;
}

export type Row = RequestRow | DomainRow | CodeRow;

/** What a scenario needs that not every world has. */
export type Need = "bytes" | "rings" | "sockets";

/** A story told to a fresh world; one test for each world. */
export interface Scenario {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly needs?: Need;
}

export function scenario(name: string, rows: readonly Row[], needs?: Need): Scenario {
  return needs === undefined ? { name, rows } : { name, rows, needs };
}

/** The bytes of a payload. */
export function payloadBytes(payload: Payload): Uint8Array {
  return toBytes(typeof payload === "string" ? payload.replaceAll(".", "\0") : payload.raw);
}

/** Text with a dot for each NUL, as the tables write it. */
export function dotted(text: string): string {
  return text.replaceAll("\0", ".");
}

/** The number of a type. */
export function typeNumber(type: RequestType): number {
  return typeof type === "number" ? type : MessageType[type];
}

/**
 * A domain with the home that a toolstack makes: readable by it, with a directory `data` that it
 * owns, introduced on event channel 5.
 */
export function guest(domid: number): readonly Row[] {
  const home = `/local/domain/${domid}`;
  return [
    { domain: domid, change: "create" },
    ["s", "MKDIR", `${home}.`, "OK"],
    ["s", "SET_PERMS", `${home}.n0.r${domid}.`, "OK"],
    ["s", "MKDIR", `${home}/data.`, "OK"],
    ["s", "SET_PERMS", `${home}/data.n${domid}.`, "OK"],
    ["s", "INTRODUCE", `${domid}.1.5.`, "OK"],
  ];
}

/** The same row for each of several payloads. */
export function each(
  from: string,
  type: RequestType,
  payloads: readonly Payload[],
  want: Want,
): readonly Row[] {
  return payloads.map((payload) => [from, type, payload, want] as const);
}

/** `count` rows, the i-th made by `make(i)`. */
export function times(count: number, make: (i: number) => Row): readonly Row[] {
  return Array.from({ length: count }, (_, i) => make(i));
}
