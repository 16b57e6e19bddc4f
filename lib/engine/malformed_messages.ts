import { MALFORMED_BYTES_MAX, MALFORMED_MAX, WHO_COMMAND_SHOWN_MAX } from "../limits.ts";
import {
  decodeHeader,
  emptyHeader,
  encodeMessage,
  type Header,
  HEADER_SIZE,
} from "../wire/header.ts";
import { type BytesJson, textJson } from "../wire/json.ts";
import { messageTypeName } from "../wire/message_type.ts";
import { toText } from "../wire/text.ts";
import { commandAlone } from "./author.ts";
import type { ConnectionBase } from "./connection_base.ts";
import { fillPage, type Row } from "./pages.ts";

/** The last message of a connection that could not be handled. */
interface Malformed {
  readonly connection: ConnectionBase;
  readonly reason: string;
  readonly at: number;
  /** The message's beginning, header included; none where there is no message. */
  readonly bytes: Uint8Array;
  /** How many such the connection has sent. */
  readonly count: number;
}

/** One of them, for `xs errors`. */
export interface MalformedRow {
  readonly connection: number;
  readonly client: string;
  readonly domid: number;
  readonly pid: number | null;
  readonly command: BytesJson | null;
  /** Whether the connection is still there. */
  readonly open: boolean;
  readonly reason: string;
  readonly ageMs: number;
  readonly count: number;
  /** Null where there is no message, as with broken indices. */
  readonly header: (Header & { readonly name: string }) | null;
  /** What of the message was kept, in hexadecimal digits; null unless asked for. */
  readonly bytes: string | null;
}

/** The last malformed message of each connection, also of those that have ended; the newest ones are kept. */
export class MalformedMessages {
  /** By the number of the connection; the latest comes last. */
  readonly #last = new Map<number, Malformed>();

  /** A request was refused as invalid, or as unknown. */
  note(
    connection: ConnectionBase,
    reason: string,
    { reqId, txId, type }: Header,
    payload: Uint8Array,
    now: number,
  ): void {
    const stored = payload.subarray(0, MALFORMED_BYTES_MAX - HEADER_SIZE);
    const bytes = encodeMessage(type, reqId, txId, stored);
    // Not the length of what is kept.
    new DataView(bytes.buffer).setUint32(12, payload.length, true);
    this.#add(connection, reason, bytes, now);
  }

  /** A message is longer than allowed. */
  noteBytes(connection: ConnectionBase, bytes: Uint8Array, now: number): void {
    const { len } = decodeHeader(bytes, 0, emptyHeader());
    this.#add(connection, `${len} bytes of payload, more than 4096`, bytes, now);
  }

  /** The indices of a ring are more than a ring apart. */
  noteIndices(connection: ConnectionBase, now: number): void {
    this.#add(
      connection,
      "the ring's indices are more than 1024 bytes apart",
      new Uint8Array(0),
      now,
    );
  }

  #add(connection: ConnectionBase, reason: string, bytes: Uint8Array, at: number): void {
    const { id } = connection;
    const count = (this.#last.get(id)?.count ?? 0) + 1;
    this.#last.delete(id);
    this.#last.set(id, { connection, reason, at, bytes, count });
    if (this.#last.size <= MALFORMED_MAX) return;
    for (const oldest of this.#last.keys()) {
      this.#last.delete(oldest);
      break;
    }
  }

  /** A page of them, the latest first, from the `from`th on. */
  page(from: number, withBytes: boolean, now: number): string {
    return fillPage(this.#rows(from, withBytes, now));
  }

  *#rows(from: number, withBytes: boolean, now: number): Generator<Row> {
    const all = [...this.#last.values()].reverse();
    for (let i = from; i < all.length; i++) yield [`${i}`, rowOf(all[i]!, withBytes, now)];
  }
}

function rowOf(
  { at, bytes, connection, count, reason }: Malformed,
  withBytes: boolean,
  now: number,
): MalformedRow {
  const { domid, id, kind, label, open, process } = connection;
  const client = kind === "socket" ? process : null;
  const command = commandAlone(client);
  const header = bytes.length < HEADER_SIZE ? null : decodeHeader(bytes, 0, emptyHeader());
  return {
    connection: id,
    client: label,
    domid,
    pid: client?.author.pid ?? null,
    command: command === null ? null : textJson(command.slice(0, WHO_COMMAND_SHOWN_MAX)),
    open,
    reason,
    ageMs: Math.max(0, Math.round(now - at)),
    count,
    header: header === null ? null : { ...header, name: messageTypeName(header.type) },
    bytes: withBytes ? hex(bytes) : null,
  };
}

function hex(bytes: Uint8Array): string {
  return [...toText(bytes)].map((char) => char.charCodeAt(0).toString(16).padStart(2, "0")).join(
    "",
  );
}
