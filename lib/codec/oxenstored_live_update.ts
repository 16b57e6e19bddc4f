import { KIND_CHARACTERS_SHOWN_MAX, STREAM_NOTES_MAX, STREAM_TEXT_BYTES_MAX } from "../limits.ts";
import { parsePerm } from "../store/perms.ts";
import { toText } from "../wire/text.ts";
import { NO_VALUE } from "../store/node.ts";
import { connectionOf, nodeOf } from "../state/bare_records.ts";
import type { PlacedRecord } from "./binary_reader.ts";
import { DomainTable } from "./domain_table.ts";
import { StreamError } from "./errors.ts";
import { fromOxenstored } from "./oxenstored_paths.ts";
import { DEPTH_UNLIMITED } from "./record_types.ts";
import type { ConnectionEnd, StateRecord } from "../state/records.ts";

/** The first line of oxenstored's text dump, the format in which it updates and restarts. */
export const TEXT_HEADER = "$xenstored-dump-format";

/** What an older format gave. */
export interface OlderStream {
  readonly records: readonly PlacedRecord[];
  /** In words, what was left out. */
  readonly notes: readonly string[];
}

const NEWLINE = 10;
/** Of any line. */
const FIELDS_MAX = 5;

/**
 * Reads oxenstored's text dump. The number of a record is that of its line.
 * @throws {StreamError} when the bytes are none
 */
export function readOxenstoredText(bytes: Uint8Array): OlderStream {
  return new TextReader().read(bytes);
}

class TextReader {
  readonly #records: PlacedRecord[] = [];
  readonly #domains = new DomainTable();
  readonly #notes = new Set<string>();
  /** Ids of connections by domid, or minus the socket's descriptor. */
  readonly #connections = new Map<number, number>();
  #socketFd = -1;
  #eventChannelFd = -1;
  /** Where the first line about descriptors is. */
  #global: { offset: number } | null = null;
  #offset = 0;
  #number = 0;
  #what = "";

  read(bytes: Uint8Array): OlderStream {
    for (let at = 0; at < bytes.length;) {
      this.#offset = at;
      this.#number++;
      this.#what = "";
      const end = bytes.indexOf(NEWLINE, at);
      if (end < 0) this.#fail("the dump ends within the line");
      this.#line(toText(bytes, at, end));
      at = end + 1;
    }
    if (this.#number === 0) throw new StreamError("the dump is empty", 0);
    if (this.#global !== null) {
      const { offset } = this.#global;
      const socketFd = this.#socketFd, eventChannelFd = this.#eventChannelFd;
      const record = { kind: "descriptors", socketFd, eventChannelFd } as const;
      this.#records.unshift({ record, offset });
    }
    for (const record of this.#domains.all()) this.#put(record);
    return { records: this.#records, notes: [...this.#notes] };
  }

  #line(line: string): void {
    if (this.#number === 1) {
      if (line !== TEXT_HEADER) this.#fail(`the first line is not ${TEXT_HEADER}`);
      return;
    }
    const fields = line.split(",", FIELDS_MAX + 1);
    const kind = fields[0]!;
    this.#what = kind.slice(0, KIND_CHARACTERS_SHOWN_MAX);
    switch (kind) {
      case "global":
        this.#global ??= { offset: this.#offset };
        // A read-only socket stood behind the first one in older versions.
        this.#socketFd = this.#descriptor(fields, 2, 3);
        return;
      case "evtchn-dev":
        this.#global ??= { offset: this.#offset };
        this.#eventChannelFd = this.#descriptor(fields, 3);
        this.#number32(fields, 2, 3);
        this.#notes.add("the port of the domain exception VIRQ: it is bound anew");
        return;
      case "socket":
        return this.#socket(this.#descriptor(fields, 2));
      case "dom":
        return this.#domain(fields);
      case "watch":
        return this.#watch(fields);
      case "store":
        return this.#store(fields);
      default:
        if (line === "") this.#fail("the line is empty");
        this.#notes.add(
          this.#notes.size < STREAM_NOTES_MAX
            ? `lines of an unknown kind, ${
              JSON.stringify(kind.slice(0, KIND_CHARACTERS_SHOWN_MAX))
            }`
            : "lines of more kinds",
        );
    }
  }

  #socket(fd: number): void {
    if (fd < 0) this.#fail(`invalid file descriptor ${fd}`);
    this.#connect(-fd, { kind: "socket", fd, held: null });
  }

  #domain(fields: string[]): void {
    const domid = this.#domid(fields, 1, 4, 5);
    const gfn = fields[2]!;
    if (!/^-?[0-9]{1,19}$/.test(gfn)) this.#fail("its frame number is no decimal number");
    const remote = this.#number32(fields, 3, 4, 5);
    // Versions before live update had no local port, and a domain that is gone has none.
    const local = fields[4] ?? "";
    const port = local === "" ? 0 : this.#number32(fields, 4, 5);
    if (remote < 0 || port < 0) this.#fail("a port is below 0");
    this.#connect(domid, { kind: "ring", domid, port });
    const facts = { hasRing: true, port: remote, gfn: BigInt.asUintN(64, BigInt(gfn)) };
    this.#domains.tell(domid, facts);
  }

  #connect(key: number, end: ConnectionEnd): void {
    if (this.#connections.has(key)) this.#fail("this connection is there twice");
    const id = this.#connections.size + 1;
    this.#connections.set(key, id);
    this.#put(connectionOf(id, end, NO_VALUE, NO_VALUE));
  }

  #watch(fields: string[]): void {
    const owner = this.#number32(fields, 1, 4, 5);
    const connection = this.#connections.get(owner);
    if (connection === undefined) {
      const who = owner < 0 ? `socket ${-owner}` : `domain ${owner}`;
      this.#fail(`it belongs to ${who}, of which no line tells before`);
    }
    const path = this.#text(fields[2]!, "path"), token = this.#text(fields[3]!, "token");
    let depth = Infinity;
    if (fields[4] !== undefined && fields[4] !== "") {
      const given = this.#number32(fields, 4, 5);
      // Deeper than any path is without a limit, as where this is written in Xen's format.
      if (given >= 0 && given < DEPTH_UNLIMITED) depth = given;
    }
    this.#put({ kind: "watch", connection, path, token, depth });
  }

  #store(fields: string[]): void {
    this.#count(fields, 4, 4);
    const path = this.#text(fields[1]!, "path");
    const value = this.#hex(fields[3]!, "value");
    const entries = toText(this.#hex(fields[2]!, "permissions")).split(/[\0,]/);
    const perms = entries.map((text) => {
      const entry = parsePerm(text);
      if (entry === null) this.#fail(`invalid permission ${JSON.stringify(text.slice(0, 20))}`);
      return entry;
    });
    this.#put(nodeOf(fromOxenstored(path), value, perms));
  }

  #put(record: StateRecord): void {
    this.#records.push({ record, offset: this.#offset });
  }

  #count(fields: string[], least: number, most: number): void {
    if (fields.length >= least && fields.length <= most) return;
    const right = least === most ? `${least}` : `${least} to ${most}`;
    const more = fields.length > FIELDS_MAX ? " or more" : "";
    this.#fail(`it has ${fields.length} fields${more}: ${right}`);
  }

  #number32(fields: string[], at: number, least: number, most = least): number {
    this.#count(fields, least, most);
    const text = fields[at]!;
    const value = Number(text);
    if (!/^-?[0-9]{1,10}$/.test(text) || value > 0xffffffff || value < -0x80000000) {
      this.#fail(`its field ${at + 1} is ${JSON.stringify(text.slice(0, 20))}: a decimal number`);
    }
    // Minus nothing is nothing.
    return value === 0 ? 0 : value;
  }

  /** That of the first field, or -1. */
  #descriptor(fields: string[], least: number, most = least): number {
    const fd = this.#number32(fields, 1, least, most);
    if (fd < -1 || fd > 0x7fffffff) {
      this.#fail(`invalid file descriptor ${fd} (a number from 0 up, or -1)`);
    }
    return fd;
  }

  #domid(fields: string[], at: number, least: number, most: number): number {
    const value = this.#number32(fields, at, least, most);
    if (value < 0 || value > 0xffff) this.#fail(`invalid domid ${value}`);
    return value;
  }

  #text(hex: string, what: string): string {
    if (hex.length > 2 * STREAM_TEXT_BYTES_MAX) {
      this.#fail(`the ${what} has ${hex.length / 2} bytes: ${STREAM_TEXT_BYTES_MAX} at most`);
    }
    const text = toText(this.#hex(hex, what));
    if (text.includes("\0")) this.#fail(`the ${what} has a NUL`);
    return text;
  }

  #hex(text: string, what: string): Uint8Array {
    if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) {
      this.#fail(`the ${what} is not of pairs of hexadecimal digits`);
    }
    return Uint8Array.fromHex(text);
  }

  #fail(problem: string): never {
    throw new StreamError(problem, this.#offset, this.#number, this.#what, "line");
  }
}
