import { isStale, permDomid, permMask } from "../store/perms.ts";
import { ChunkWriter, joinChunks } from "./chunk_writer.ts";
import { StreamError } from "./errors.ts";
import * as types from "./record_types.ts";
import type * as records from "./records.ts";

export interface EncodeOptions {
  /** 2 adds depths of watches and features of domains; Xen's daemon before 4.21 reads only 1. */
  readonly version: 1 | 2;
  /** Xen's daemon reads only that of its own machine. */
  readonly endian: "little" | "big";
  /** Whether records of our own types are written [true]; other readers skip and log them. */
  readonly details?: boolean;
  /**
   * Whether version 2 says how deep watches are [true]. False for Xen's daemon: 4.21 skips the
   * record and loses the watch, 4.22 dies of it. The watch then hears of all below its path.
   */
  readonly depths?: boolean;
}

/**
 * Writes a stream record by record. What `put` has taken is fetched with `take` whenever the
 * caller likes, so that a large store is written in slices and never held as a whole.
 * @example
 * ```ts ignore
 * const encoder = new StreamEncoder({ version: 2, endian: "little" });
 * for (const record of records) encoder.put(record);
 * encoder.end();
 * for (const chunk of encoder.take()) file.writeSync(chunk);
 * ```
 */
export class StreamEncoder {
  readonly #to: ChunkWriter;
  readonly #version: number;
  readonly #details: boolean;
  readonly #depths: boolean;
  #records = 0;
  #ended = false;

  constructor({ version, endian, details = true, depths = true }: EncodeOptions) {
    this.#to = new ChunkWriter(endian);
    this.#version = version;
    this.#details = details;
    this.#depths = depths && version >= 2;
    this.#to.reserve(types.PREAMBLE_BYTES);
    this.#to.text(types.IDENT);
    this.#to.u32Big(version);
    this.#to.u32Big(endian === "big" ? types.FLAG_BIG_ENDIAN : 0);
  }

  /** Bytes written so far, those that were taken included. */
  get length(): number {
    return this.#to.length;
  }

  /**
   * Appends a record.
   * @throws {StreamError} when a field does not hold what it is to hold; nothing is written then
   */
  put(record: records.MigrationRecord): void {
    if (this.#ended) this.#fail("END", "nothing can follow the end");
    switch (record.kind) {
      case "node":
        return this.#node(record);
      case "watch":
        return this.#watch(record);
      case "connection":
        return this.#connection(record);
      case "domain":
        return this.#domain(record);
      case "global":
        this.#descriptors("global", record.socketFd, record.eventChannelFd);
        this.#begin(types.GLOBAL_DATA, 8);
        this.#to.u32(record.socketFd);
        return this.#to.u32(record.eventChannelFd);
      case "quota":
        return this.#quota(record);
      case "transaction":
        this.#u32("transaction", record.connection, record.id);
        this.#begin(types.TRANSACTION_DATA, 8);
        this.#to.u32(record.connection);
        return this.#to.u32(record.id);
      default:
        return this.#details ? this.#detail(record) : undefined;
    }
  }

  /** Writes END; after it there is only `take`. */
  end(): void {
    if (this.#ended) return;
    this.#begin(types.END, 0);
    this.#ended = true;
  }

  /** The bytes written since the last call, in order. */
  take(): Uint8Array<ArrayBuffer>[] {
    return this.#to.take();
  }

  #node(node: records.NodeRecord): void {
    const { path, value, perms, access } = node;
    this.#u32("node", node.connection, node.transaction);
    const pathLength = this.#text("node", "path", path) + 1;
    if (pathLength > 0xffff || value.length > 0xffff || perms.length > 0xffff || !isU16(access)) {
      this.#nodeTooLarge(node);
    }
    this.#begin(types.NODE_DATA, 16 + 4 * perms.length + pathLength + value.length);
    const to = this.#to;
    to.u32(node.connection);
    to.u32(node.transaction);
    to.u16(pathLength);
    to.u16(value.length);
    to.u16(access);
    to.u16(perms.length);
    for (const entry of perms) {
      to.u8(types.PERM_LETTERS.charCodeAt(permMask(entry)));
      to.u8(isStale(entry) ? types.PERM_STALE : 0);
      to.u16(permDomid(entry));
    }
    to.text(path);
    to.skip(1);
    to.bytes(value);
    this.#pad();
  }

  #nodeTooLarge({ path, value, perms, access }: records.NodeRecord): never {
    const name = path.length > 80 ? `${path.slice(0, 80)}...` : path;
    if (path.length >= 0xffff) {
      this.#fail("node", `a path of ${path.length} bytes (${name}): 65534 at most`);
    }
    if (value.length > 0xffff) {
      this.#fail("node", `a value of ${value.length} bytes at ${name}: 65535 at most`);
    }
    if (!isU16(access)) this.#fail("node", `access ${access} at ${name}: a sum of 1 and 2`);
    this.#fail("node", `${perms.length} permissions at ${name}: 65535 at most`);
  }

  #watch({ connection, path, token, depth }: records.WatchRecord): void {
    this.#u32("watch", connection);
    const pathLength = this.#text("watch", "path", path) + 1;
    const tokenLength = this.#text("watch", "token", token) + 1;
    if (pathLength > 0xffff || tokenLength > 0xffff) {
      this.#fail("watch", "its path or token has more than 65534 bytes");
    }
    if (!(depth === Infinity || Number.isInteger(depth) && depth >= 0)) {
      this.#fail("watch", `a depth of ${depth}: a whole number or Infinity`);
    }
    // No path has so many levels that a depth which does not fit the field would limit anything.
    const extended = this.#depths && depth < types.DEPTH_UNLIMITED;
    const to = this.#to;
    if (extended) this.#begin(types.WATCH_DATA_EXTENDED, 12 + pathLength + tokenLength);
    else this.#begin(types.WATCH_DATA, 8 + pathLength + tokenLength);
    to.u32(connection);
    to.u16(pathLength);
    to.u16(tokenLength);
    if (extended) {
      to.u16(depth);
      to.skip(2);
    }
    to.text(path);
    to.skip(1);
    to.text(token);
    to.skip(1);
    this.#pad();
  }

  #connection(connection: records.ConnectionRecord): void {
    const { id, end, input, output, partialResponse, uniqueId } = connection;
    this.#u32("connection", id, output.length);
    if (input.length > 0xffff) {
      this.#fail("connection", `${input.length} bytes of input on connection ${id}: 65535 at most`);
    }
    if (!isU16(partialResponse) || partialResponse > output.length) {
      this.#fail(
        "connection",
        `${partialResponse} bytes of a partly sent message on connection ${id}: ` +
          `65535 and its ${output.length} bytes of output at most`,
      );
    }
    if (end.kind === "ring") {
      this.#u16("connection", end.domid, end.target ?? 0);
      this.#u32("connection", end.port);
    } else this.#descriptors("connection", end.fd);
    if (uniqueId !== null) this.#u64("connection", uniqueId);
    const data = types.aligned(24 + input.length + output.length);
    this.#begin(types.CONNECTION_DATA, data + (uniqueId === null ? 0 : 8));
    const to = this.#to;
    to.u32(id);
    to.u16(end.kind === "ring" ? types.CONNECTION_RING : types.CONNECTION_SOCKET);
    to.u16(uniqueId === null ? 0 : types.FIELD_UNIQUE_ID);
    if (end.kind === "ring") {
      to.u16(end.domid);
      to.u16(end.target ?? types.DOMID_INVALID);
      to.u32(end.port);
    } else {
      to.u32(end.fd);
      to.skip(4);
    }
    to.u16(input.length);
    to.u16(partialResponse);
    to.u32(output.length);
    to.bytes(input);
    to.bytes(output);
    this.#pad();
    if (uniqueId !== null) to.u64(uniqueId);
  }

  #quota({ domain, global }: records.QuotaRecord): void {
    const size = this.#quotaSize("quota", domain) + this.#quotaSize("quota", global);
    this.#u16("quota", domain.size, global.size);
    this.#begin(types.GLOBAL_QUOTA_DATA, 4 + size);
    this.#to.u16(domain.size);
    this.#to.u16(global.size);
    this.#quotas([domain, global]);
  }

  #domain({ domid, features, quotas }: records.DomainRecord): void {
    this.#u16("domain", domid, quotas.size);
    this.#u32("domain", features);
    this.#begin(types.DOMAIN_DATA, 8 + this.#quotaSize("domain", quotas));
    this.#to.u16(domid);
    this.#to.u16(quotas.size);
    this.#to.u32(this.#version >= 2 ? features : 0);
    this.#quotas([quotas]);
  }

  #quotaSize(what: string, quotas: ReadonlyMap<string, number>): number {
    let size = 0;
    for (const [name, value] of quotas) {
      this.#u32(what, value);
      size += 4 + this.#text(what, "name of a quota", name) + 1;
    }
    return size;
  }

  /** All values, then all names. */
  #quotas(maps: readonly ReadonlyMap<string, number>[]): void {
    for (const map of maps) for (const value of map.values()) this.#to.u32(value);
    for (const map of maps) {
      for (const name of map.keys()) {
        this.#to.text(name);
        this.#to.skip(1);
      }
    }
    this.#pad();
  }

  #detail(
    detail:
      | records.RingDetail
      | records.TransactionDetail
      | records.ConnectionDetail
      | records.DomainDetail
      | records.SettingDetail,
  ): void {
    const to = this.#to;
    switch (detail.kind) {
      case "ring-detail":
        this.#u32(detail.kind, detail.connection, detail.remotePort);
        this.#u64(detail.kind, detail.gfn);
        this.#begin(types.RING_DETAIL, 16);
        to.u32(detail.connection);
        to.u32(detail.remotePort);
        return to.u64(detail.gfn);
      case "transaction-detail":
        this.#u32(detail.kind, detail.connection, detail.id, detail.operations);
        this.#begin(types.TRANSACTION_DETAIL, 16);
        to.u32(detail.connection);
        to.u32(detail.id);
        to.u32(detail.operations);
        return to.skip(4);
      case "connection-detail":
        this.#u32(detail.kind, detail.connection, detail.transactionIdLast);
        this.#begin(types.CONNECTION_DETAIL, 16);
        to.u32(detail.connection);
        to.u32(detail.transactionIdLast);
        to.u32(detail.ignored ? types.CONNECTION_IGNORED : 0);
        return to.skip(4);
      case "domain-detail":
        this.#u16(detail.kind, detail.domid, detail.target ?? 0);
        this.#u64(detail.kind, detail.uniqueId);
        this.#begin(types.DOMAIN_DETAIL, 16);
        to.u16(detail.domid);
        to.u16(detail.target ?? types.DOMID_INVALID);
        to.u32(
          (detail.introduced ? types.DOMAIN_INTRODUCED : 0) |
            (detail.shutdownSeen ? types.DOMAIN_SHUTDOWN_SEEN : 0),
        );
        return to.u64(detail.uniqueId);
      case "setting-detail":
        return this.#setting(detail);
    }
  }

  #setting({ kind, name, told, value }: records.SettingDetail): void {
    const texts = [name, value, ...told === null ? [] : [told]];
    const lengths = texts.map((text) => this.#text(kind, "text", text) + 1);
    if (lengths.some((length) => length > 0xffff)) {
      this.#fail(kind, "a text of more than 65534 bytes");
    }
    this.#begin(types.SETTING_DETAIL, 8 + lengths.reduce((sum, length) => sum + length, 0));
    for (let i = 0; i < 4; i++) this.#to.u16(lengths[i] ?? 0);
    for (const text of texts) {
      this.#to.text(text);
      this.#to.skip(1);
    }
    this.#pad();
  }

  /** The header of a record; its length counts the padding, as Xen's daemon wants it. */
  #begin(type: number, length: number): void {
    const padded = types.aligned(length);
    if (padded > 0xffff_ffff) this.#fail(types.typeName(type), `${length} bytes: 4 GiB at most`);
    this.#to.reserve(types.RECORD_HEADER_BYTES + padded);
    this.#to.u32(type);
    this.#to.u32(padded);
    this.#records++;
  }

  #pad(): void {
    this.#to.skip(types.aligned(this.#to.length) - this.#to.length);
  }

  /** The length of a text whose characters are bytes other than NUL. */
  #text(what: string, field: string, text: string): number {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 0 || code > 0xff) this.#wrongText(what, field, text, i);
    }
    return text.length;
  }

  #wrongText(what: string, field: string, text: string, at: number): never {
    const shown = JSON.stringify(text.slice(0, 80));
    this.#fail(what, `character ${at + 1} of the ${field} ${shown} is no byte other than NUL`);
  }

  #u16(what: string, ...values: number[]): void {
    for (const value of values) {
      if (!isU16(value)) this.#fail(what, `${value} is not from 0 to 65535`);
    }
  }

  /** Three numbers, not a list of them, for the sake of the many nodes. */
  #u32(what: string, a: number, b = 0, c = 0): void {
    if (isU32(a) && isU32(b) && isU32(c)) return;
    this.#fail(what, `${[a, b, c].find((n) => !isU32(n))} is not from 0 to 4294967295`);
  }

  #u64(what: string, value: bigint): void {
    if (value >= 0n && value <= 0xffff_ffff_ffff_ffffn) return;
    this.#fail(what, `${value} is not from 0 to 18446744073709551615`);
  }

  #descriptors(what: string, ...fds: number[]): void {
    for (const fd of fds) {
      if (!(Number.isInteger(fd) && fd >= -1 && fd <= 0x7fffffff)) {
        this.#fail(what, `${fd} is no file descriptor, nor -1`);
      }
    }
  }

  #fail(what: string, problem: string): never {
    throw new StreamError(problem, this.#to.length, this.#records + 1, what);
  }
}

function isU16(value: number): boolean {
  return value >= 0 && value <= 0xffff && Number.isInteger(value);
}

function isU32(value: number): boolean {
  return value >>> 0 === value;
}

/**
 * A whole stream in one piece, END included.
 * @throws {StreamError} when a record does not fit the format
 */
export function encodeStream(
  records: Iterable<records.MigrationRecord>,
  options: EncodeOptions,
): Uint8Array<ArrayBuffer> {
  const encoder = new StreamEncoder(options);
  for (const record of records) encoder.put(record);
  encoder.end();
  return joinChunks(encoder.take());
}
