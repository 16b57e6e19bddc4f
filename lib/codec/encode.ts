import { isStale, permDomid, permMask, type Perms } from "../store/perms.ts";
import type { ChunkWriter } from "./chunk_writer.ts";
import { RecordEncoder } from "./record_encoder.ts";
import { isU16, RecordWriter } from "./record_writer.ts";
import * as types from "./record_types.ts";
import type * as records from "../state/records.ts";

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
 * Writes a stream record by record: domains last, but for what stands with their rings. What `put` has taken is fetched with `take` whenever the
 * caller likes, so that a large store is written in slices and never held as a whole.
 * @example
 * ```ts ignore
 * const encoder = new StreamEncoder({ version: 2, endian: "little" });
 * for (const record of records) encoder.put(record);
 * encoder.end();
 * for (const chunk of encoder.take()) file.writeSync(chunk);
 * ```
 */
export class StreamEncoder extends RecordEncoder {
  readonly #out: RecordWriter;
  readonly #to: ChunkWriter;
  readonly #version: number;
  readonly #details: boolean;
  readonly #depths: boolean;
  #ended = false;

  constructor({ version, endian, details = true, depths = true }: EncodeOptions) {
    super();
    this.#out = new RecordWriter(version, endian);
    this.#to = this.#out.to;
    this.#version = version;
    this.#details = details;
    this.#depths = depths && version >= 2;
  }

  /** Bytes written so far, those that were taken included. */
  get length(): number {
    return this.#to.length;
  }

  /** Records written so far, without END. */
  get count(): number {
    return this.#out.records - (this.#ended ? 1 : 0);
  }

  override put(record: records.StateRecord): void {
    if (this.#ended) this.#out.fail("END", "nothing can follow the end");
    super.put(record);
  }

  /** Writes the domains and END; after it there is only `take`. */
  end(): void {
    if (this.#ended) return;
    for (const domain of this.domains.values()) this.#domain(domain);
    this.#out.begin(types.END, 0);
    this.#ended = true;
  }

  /** The bytes written since the last call, in order. */
  take(): Uint8Array<ArrayBuffer>[] {
    return this.#to.take();
  }

  protected override node(
    connection: number,
    transaction: number,
    path: string,
    value: Uint8Array,
    access: number,
    perms: Perms,
  ): void {
    this.#out.u32("node", connection, transaction);
    const pathLength = this.#out.text("node", "path", path) + 1;
    if (pathLength > 0xffff || value.length > 0xffff || perms.length > 0xffff || !isU16(access)) {
      this.#nodeTooLarge(path, value, perms, access);
    }
    this.#out.begin(types.NODE_DATA, 16 + 4 * perms.length + pathLength + value.length);
    const to = this.#to;
    to.u32(connection);
    to.u32(transaction);
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
    this.#out.pad();
  }

  #nodeTooLarge(path: string, value: Uint8Array, perms: Perms, access: number): never {
    const name = path.length > 80 ? `${path.slice(0, 80)}...` : path;
    if (path.length >= 0xffff) {
      this.#out.fail("node", `a path of ${path.length} bytes (${name}): 65534 at most`);
    }
    if (value.length > 0xffff) {
      this.#out.fail("node", `a value of ${value.length} bytes at ${name}: 65535 at most`);
    }
    if (!isU16(access)) this.#out.fail("node", `access ${access} at ${name}: a sum of 1 and 2`);
    this.#out.fail("node", `${perms.length} permissions at ${name}: 65535 at most`);
  }

  protected override watch({ connection, path, token, depth }: records.Watch): void {
    this.#out.u32("watch", connection);
    const pathLength = this.#out.text("watch", "path", path) + 1;
    const tokenLength = this.#out.text("watch", "token", token) + 1;
    if (pathLength > 0xffff || tokenLength > 0xffff) {
      this.#out.fail("watch", "its path or token has more than 65534 bytes");
    }
    if (!(depth === Infinity || Number.isInteger(depth) && depth >= 0)) {
      this.#out.fail("watch", `a depth of ${depth}: a whole number or Infinity`);
    }
    // No path has so many levels that a depth which does not fit the field would limit anything.
    const extended = this.#depths && depth < types.DEPTH_UNLIMITED;
    const to = this.#to;
    if (extended) this.#out.begin(types.WATCH_DATA_EXTENDED, 12 + pathLength + tokenLength);
    else this.#out.begin(types.WATCH_DATA, 8 + pathLength + tokenLength);
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
    this.#out.pad();
  }

  protected override connection(connection: records.Connection): void {
    const { id, end, input, output, partialResponse } = connection;
    const domain = end.kind === "ring" ? this.domains.get(end.domid) : undefined;
    const target = domain?.target ?? null, uniqueId = domain?.uniqueId ?? null;
    this.#out.u32("connection", id, output.length);
    if (input.length > 0xffff) {
      this.#out.fail(
        "connection",
        `${input.length} bytes of input on connection ${id}: 65535 at most`,
      );
    }
    if (!isU16(partialResponse) || partialResponse > output.length) {
      this.#out.fail(
        "connection",
        `${partialResponse} bytes of a partly sent message on connection ${id}: ` +
          `65535 and its ${output.length} bytes of output at most`,
      );
    }
    if (end.kind === "ring") {
      this.#out.u16("connection", end.domid, target ?? 0);
      this.#out.u32("connection", end.port);
    } else this.#out.descriptors("connection", end.fd);
    if (uniqueId !== null) this.#out.u64("connection", uniqueId);
    const data = types.aligned(24 + input.length + output.length);
    this.#out.begin(types.CONNECTION_DATA, data + (uniqueId === null ? 0 : 8));
    const to = this.#to;
    to.u32(id);
    to.u16(end.kind === "ring" ? types.CONNECTION_RING : types.CONNECTION_SOCKET);
    to.u16(uniqueId === null ? 0 : types.FIELD_UNIQUE_ID);
    if (end.kind === "ring") {
      to.u16(end.domid);
      to.u16(target ?? types.DOMID_INVALID);
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
    this.#out.pad();
    if (uniqueId !== null) to.u64(uniqueId);
    if (this.#details) this.#connectionDetails(connection, domain);
  }

  #connectionDetails(connection: records.Connection, domain: records.Domain | undefined): void {
    const { id, ignored, transactionIdLast } = connection, to = this.#to;
    if (transactionIdLast !== null || ignored) {
      this.#out.u32("connection", transactionIdLast ?? 0);
      this.#out.begin(types.CONNECTION_DETAIL, 16);
      to.u32(id);
      to.u32(transactionIdLast ?? 0);
      to.u32(ignored ? types.CONNECTION_IGNORED : 0);
      to.skip(4);
    }
    if (domain === undefined || domain.port === null) return;
    this.#out.u32("domain", domain.port);
    this.#out.u64("domain", domain.gfn);
    this.#out.begin(types.RING_DETAIL, 16);
    to.u32(id);
    to.u32(domain.port);
    to.u64(domain.gfn);
  }

  protected override transaction({ connection, id, operations }: records.Transaction): void {
    const to = this.#to;
    this.#out.u32("transaction", connection, id, operations ?? 0);
    this.#out.begin(types.TRANSACTION_DATA, 8);
    to.u32(connection);
    to.u32(id);
    if (operations === null || !this.#details) return;
    this.#out.begin(types.TRANSACTION_DETAIL, 16);
    to.u32(connection);
    to.u32(id);
    to.u32(operations);
    to.skip(4);
  }

  protected override descriptors({ eventChannelFd, socketFd }: records.Descriptors): void {
    this.#out.descriptors("global", socketFd, eventChannelFd);
    this.#out.begin(types.GLOBAL_DATA, 8);
    this.#to.u32(socketFd);
    this.#to.u32(eventChannelFd);
  }

  protected override quota({ domain, global }: records.Quota): void {
    const size = this.#quotaSize("quota", domain) + this.#quotaSize("quota", global);
    this.#out.u16("quota", domain.size, global.size);
    this.#out.begin(types.GLOBAL_QUOTA_DATA, 4 + size);
    this.#to.u16(domain.size);
    this.#to.u16(global.size);
    this.#quotas([domain, global]);
  }

  #domain(domain: records.Domain): void {
    const { domid, features, introduced, quotas } = domain;
    if (quotas !== null) this.#domainData(domid, features, quotas);
    if (introduced !== null && this.#details) this.#domainDetail(domain, introduced);
  }

  #domainData(domid: number, features: number, quotas: ReadonlyMap<string, number>): void {
    this.#out.u16("domain", domid, quotas.size);
    this.#out.u32("domain", features);
    this.#out.begin(types.DOMAIN_DATA, 8 + this.#quotaSize("domain", quotas));
    this.#to.u16(domid);
    this.#to.u16(quotas.size);
    this.#to.u32(this.#version >= 2 ? features : 0);
    this.#quotas([quotas]);
  }

  #quotaSize(what: string, quotas: ReadonlyMap<string, number>): number {
    let size = 0;
    for (const [name, value] of quotas) {
      this.#out.u32(what, value);
      size += 4 + this.#out.text(what, "name of a quota", name) + 1;
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
    this.#out.pad();
  }

  #domainDetail(
    { domid, shutdownSeen, target, uniqueId }: records.Domain,
    introduced: boolean,
  ): void {
    const to = this.#to;
    this.#out.u16("domain", domid, target ?? 0);
    this.#out.u64("domain", uniqueId ?? 0n);
    this.#out.begin(types.DOMAIN_DETAIL, 16);
    to.u16(domid);
    to.u16(target ?? types.DOMID_INVALID);
    to.u32(
      (introduced ? types.DOMAIN_INTRODUCED : 0) | (shutdownSeen ? types.DOMAIN_SHUTDOWN_SEEN : 0),
    );
    to.u64(uniqueId ?? 0n);
  }

  protected override setting({ kind, name, configured, value }: records.Setting): void {
    if (!this.#details) return;
    const texts = [name, value, ...configured === null ? [] : [configured]];
    const lengths = texts.map((text) => this.#out.text(kind, "text", text) + 1);
    if (lengths.some((length) => length > 0xffff)) {
      this.#out.fail(kind, "a text of more than 65534 bytes");
    }
    this.#out.begin(types.SETTING_DETAIL, 8 + lengths.reduce((sum, length) => sum + length, 0));
    for (let i = 0; i < 4; i++) this.#to.u16(lengths[i] ?? 0);
    for (const text of texts) {
      this.#to.text(text);
      this.#to.skip(1);
    }
    this.#out.pad();
  }
}
