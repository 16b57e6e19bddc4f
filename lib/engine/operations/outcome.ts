import type { Domain } from "../domains.ts";
import type { Call } from "../request.ts";
import type { Watch } from "../watches.ts";
import { EINVAL, ENOENT, type ErrorCode } from "../../wire/errors.ts";
import { PAYLOAD_MAX } from "../../wire/header.ts";
import { putText, toBytes, toText } from "../../wire/text.ts";

const encoder = new TextEncoder();

/** What a handler comes to: the reply's payload, or why not, or a watch. There is nothing else. */
export type Outcome = Uint8Array | ErrorCode | Registered;

/** A watch was registered: its first event follows the reply. */
export class Registered {
  constructor(readonly watch: Watch) {}
}

export type Handler = (call: Call) => Outcome;

/** The payload where nothing else is specified. */
export const DONE: Uint8Array = toBytes("OK\0");

/** Stands for a reply that is to come later, in another way than by being returned. */
export const LATER: Uint8Array = new Uint8Array(0);

/** Stands for no reply: the request has changed nothing, and has to wait with all behind it. */
export const HELD: Uint8Array = new Uint8Array(0);

/** A reply of one string with its NUL. */
export function textReply(text: string): Uint8Array {
  return toBytes(`${text}\0`);
}

/** The same of text that may be no ASCII: it is UTF-8 on the wire, cut to one message. */
export function longTextReply(text: string): Uint8Array {
  const bytes = encoder.encode(text);
  return textReply(toText(bytes, 0, Math.min(bytes.length, PAYLOAD_MAX - 1)));
}

/** By the number of their digits, payloads that are used again: a reply is copied at once. */
const numberReplies: Uint8Array[] = [];

/** A reply of one number below 2^32, valid until the next one. */
export function numberReply(value: number): Uint8Array {
  const text = `${value}`;
  const bytes = numberReplies[text.length] ??= new Uint8Array(text.length + 1);
  putText(bytes, 0, text);
  return bytes;
}

const BLANKS = /^[ \t\n\v\f\r]*/;

/** A domid as a client writes it: decimal, nothing behind; empty is 0. Null when it is not one. */
export function parseDomid(text: string): number | null {
  const digits = text.replace(BLANKS, "").replace(/^\+/, "");
  if (!/^[0-9]*$/.test(digits)) return null;
  const domid = Number(digits);
  return domid > 65535 ? null : domid;
}

/** The domain a `domid` argument means, or why there is none. */
export function domainOf(call: Call, text: string): Domain | number {
  const domid = parseDomid(text);
  if (domid === null) return EINVAL;
  return call.state.domains.know(domid) ?? ENOENT;
}

/** A number as C's atoi reads it: as many digits as there are, else 0. */
export function parseLoose(text: string): number {
  return Number(/^[ \t\n\v\f\r]*([+-]?[0-9]+)/.exec(text)?.[1] ?? 0);
}
