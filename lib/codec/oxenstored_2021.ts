import { connectionOf, nodeOf, transactionOf } from "../state/bare_records.ts";
import type { PlacedRecord } from "./decode.ts";
import { readPerms } from "./decode_fields.ts";
import { FieldReader } from "./field_reader.ts";
import { fromOxenstored } from "./oxenstored_paths.ts";
import * as types from "./record_types.ts";
import type * as records from "../state/records.ts";
import { DomainTable } from "./domain_table.ts";

/**
 * Reads oxenstored's binary format of 2021: the preamble of a big-endian stream of version 1, and
 * records of its own layouts, whose lengths do not count the padding and whose texts have no NUL.
 */
export class OxenstoredBinaryReader {
  readonly skipped: Set<number> = new Set();
  readonly notes: Set<string> = new Set();
  readonly #fields: FieldReader;
  readonly #length: number;
  readonly #domains = new DomainTable();
  #domainsLeft: Iterator<records.Domain> | null = null;
  /** Records that the file has, but for END and those of types that are not known. */
  count = 0;
  #next = types.PREAMBLE_BYTES;
  #number = 0;
  #ended = false;

  /** @param bytes of which the preamble was found to be right */
  constructor(bytes: Uint8Array) {
    this.#fields = new FieldReader(bytes, "big");
    this.#length = bytes.length;
  }

  /**
   * The next record, with where it was found, the domains last; null at the end.
   * @throws {StreamError} when the bytes are none
   */
  next(): PlacedRecord | null {
    while (!this.#ended) {
      const record = this.#step();
      if (record !== null) return { record, offset: this.#fields.offset };
    }
    this.#domainsLeft ??= this.#domains.all();
    const { done, value } = this.#domainsLeft.next();
    return done === true ? null : { record: value, offset: this.#length };
  }

  /** As {@link StreamReader.scan}. */
  scan(): boolean {
    while (!this.#ended) if (this.#step() !== null) return true;
    return false;
  }

  #step(): records.StateRecord | null {
    const fields = this.#fields;
    fields.begin(this.#next, ++this.#number);
    if (fields.left === 0) fields.fail("the stream ends without an END record");
    if (fields.left < types.RECORD_HEADER_BYTES) {
      fields.fail(`the stream ends in the record's header, after ${fields.left} bytes`);
    }
    const type = fields.u32(), stated = fields.u32();
    const body = fields.at, name = types.typeName(type);
    fields.bound(this.#length, name);
    const length = type === types.CONNECTION_DATA ? this.#connectionLength(body, stated) : stated;
    if (length > fields.left) {
      fields.fail(`its length is ${length}, but only ${fields.left} bytes follow`);
    }
    this.#next = body + types.aligned(length);
    if (this.#next > this.#length) fields.fail("the stream ends in the padding of the record");
    fields.bound(body + length, name);
    if (type === types.END) {
      if (length !== 0) fields.fail(`its length is ${length}: it has no body`);
      const behind = this.#length - this.#next;
      if (behind > 0) fields.fail(`${behind} bytes follow the END record: the last of all`);
      this.#ended = true;
      return null;
    }
    const record = this.#decode(type);
    if (record === null) this.skipped.add(type);
    else this.count++;
    if (record !== null && fields.left > 0) {
      fields.fail(
        `its length is ${length}, but its fields end after ${length - fields.left} bytes`,
      );
    }
    return record;
  }

  /** Its writer forgot the partial response when it counted. */
  #connectionLength(body: number, stated: number): number {
    const fields = this.#fields;
    if (fields.left < 32) return stated;
    fields.seek(body + 20);
    const input = fields.u32(), partial = fields.u32(), output = fields.u32();
    fields.seek(body);
    return stated === 32 + input + output ? stated + partial : stated;
  }

  #decode(type: number): records.StateRecord | null {
    const fields = this.#fields;
    switch (type) {
      case types.GLOBAL_DATA: {
        const socketFd = fields.fd();
        if (fields.u32() !== 0xffffffff) fields.fail("its second word is not all ones");
        return { kind: "descriptors", socketFd, eventChannelFd: -1 };
      }
      case types.CONNECTION_DATA:
        return this.#connection();
      case types.WATCH_DATA: {
        const connection = fields.u32(), pathLength = fields.u32(), tokenLength = fields.u32();
        const path = fields.text(pathLength, "the watched path");
        const token = fields.text(tokenLength, "the token");
        return { kind: "watch", connection, path, token, depth: Infinity };
      }
      case types.TRANSACTION_DATA:
        return transactionOf(fields.u32(), fields.u32());
      case types.NODE_DATA: {
        const connection = fields.u32(), transaction = fields.u32();
        const pathLength = fields.u32(), valueLength = fields.u32();
        const access = fields.u32();
        const perms = readPerms(fields, fields.u32());
        const path = fromOxenstored(fields.text(pathLength, "the path"));
        const value = fields.bytes(valueLength, "the value");
        if (connection === 0) return nodeOf(path, value, perms);
        return { kind: "transaction-node", connection, transaction, path, value, access, perms };
      }
      default:
        return null;
    }
  }

  #connection(): records.Connection {
    const fields = this.#fields;
    const id = fields.u32(), kind = fields.u32(), flags = fields.u32();
    if (kind > types.CONNECTION_SOCKET) {
      fields.fail(`a connection of type ${kind} is not known: 0 ring, 1 socket`);
    }
    if (flags !== 0) this.notes.add("a socket's flag, read-only, has no meaning any more");
    let end: records.ConnectionEnd;
    if (kind === types.CONNECTION_RING) {
      const domid = fields.u16(), tdomid = fields.u16(), port = fields.u32();
      const target = tdomid === types.DOMID_INVALID ? null : tdomid;
      end = { kind: "ring", domid, port: 0 };
      this.#domains.tell(domid, { hasRing: true, target, port });
    } else {
      end = { kind: "socket", fd: fields.fd(), held: null };
      fields.skip(4, "the padding behind the descriptor");
    }
    const inputLength = fields.u32(), partialResponse = fields.u32(), restLength = fields.u32();
    const input = fields.bytes(inputLength, "unhandled input");
    const output = fields.bytes(partialResponse + restLength, "unsent output");
    return connectionOf(id, end, input, output, partialResponse);
  }
}
