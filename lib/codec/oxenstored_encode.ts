import { isStale, permDomid, permMask, type Perms } from "../store/perms.ts";
import { joinChunks } from "./chunk_writer.ts";
import { RecordEncoder } from "./record_encoder.ts";
import { RecordWriter } from "./record_writer.ts";
import { toOxenstored } from "./oxenstored_paths.ts";
import * as types from "./record_types.ts";
import type * as records from "../state/records.ts";

/** A file, and what of the records it has no place for. */
export interface EncodedOxenstored {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** In words; each thing once. */
  readonly notes: readonly string[];
}

const CONNECTION_BYTES = 32;

/**
 * Writes oxenstored's binary format of 2021. It has no place for quotas, domains, depths of
 * watches, unique ids and stale permissions: the latter are left out, so that they give nobody
 * rights, and a stale owner becomes domain 0.
 * @throws {StreamError} when a record does not fit the format
 */
export function encodeOxenstoredBinary(
  all: Iterable<records.StateRecord>,
): EncodedOxenstored {
  const writer = new BinaryWriter();
  for (const record of all) writer.put(record);
  return writer.end();
}

class BinaryWriter extends RecordEncoder {
  readonly #out = new RecordWriter(1, "big", false);
  readonly #to = this.#out.to;
  readonly #notes = new Set<string>();

  end(): EncodedOxenstored {
    for (const { introduced, quotas } of this.domains.values()) {
      if (quotas !== null) this.#notes.add("features and quotas of domains");
      if (introduced !== null) this.#notes.add("domains that were never introduced");
    }
    this.#out.begin(types.END, 0);
    return { bytes: joinChunks(this.#to.take()), notes: [...this.#notes] };
  }

  protected override transaction({ connection, id, operations }: records.Transaction): void {
    this.#out.u32("transaction", connection, id);
    this.#out.begin(types.TRANSACTION_DATA, 8);
    this.#to.u32(connection);
    this.#to.u32(id);
    if (operations !== null) this.#notes.add("how many operations a transaction has done");
  }

  protected override descriptors({ eventChannelFd, socketFd }: records.Descriptors): void {
    if (eventChannelFd >= 0) this.#notes.add("the descriptor of the event channels");
    this.#out.begin(types.GLOBAL_DATA, 8);
    this.#to.u32(socketFd);
    this.#to.u32(0xffffffff);
  }

  protected override quota(): void {
    this.#notes.add("quotas");
  }

  protected override setting(): void {
    this.#notes.add("what CONTROL has set");
  }

  protected override connection(connection: records.Connection): void {
    const { id, end, input, output, partialResponse, transactionIdLast } = connection;
    const domain = end.kind === "ring" ? this.domains.get(end.domid) : undefined;
    const port = domain?.port ?? null;
    if (partialResponse > output.length) {
      const problem = `${partialResponse} bytes of a partly sent message in ${output.length}`;
      this.#out.fail("connection", problem);
    }
    if ((domain?.uniqueId ?? null) !== null) this.#notes.add("unique ids of domains");
    this.#out.u32("connection", id, port ?? 0);
    if (end.kind === "ring") this.#out.u16("connection", end.domid, domain?.target ?? 0);
    // Its own writer forgets the partial response here, so that nothing could read the file.
    this.#out.begin(types.CONNECTION_DATA, CONNECTION_BYTES + input.length + output.length);
    this.#to.u32(id);
    if (end.kind === "ring") {
      this.#to.u32(types.CONNECTION_RING);
      this.#to.u32(0);
      this.#to.u16(end.domid);
      this.#to.u16(domain?.target ?? types.DOMID_INVALID);
      if (port === null) this.#notes.add("remote ports of event channels: not known");
      this.#to.u32(port ?? 0);
    } else {
      this.#to.u32(types.CONNECTION_SOCKET);
      this.#to.u32(0);
      this.#to.u32(end.fd);
      this.#to.u32(0);
    }
    this.#to.u32(input.length);
    this.#to.u32(partialResponse);
    this.#to.u32(output.length - partialResponse);
    this.#to.bytes(input);
    this.#to.bytes(output);
    this.#out.pad();
    if (transactionIdLast !== null) this.#notes.add("the highest transaction id of a connection");
    if (port !== null && domain!.gfn !== 0n) this.#notes.add("frame numbers of rings");
  }

  protected override watch({ connection, path, token, depth }: records.Watch): void {
    if (depth !== Infinity) this.#notes.add("depths of watches: they are unlimited now");
    this.#out.u32("watch", connection);
    this.#out.text("watch", "path", path);
    this.#out.text("watch", "token", token);
    this.#out.begin(types.WATCH_DATA, 12 + path.length + token.length);
    this.#to.u32(connection);
    this.#to.u32(path.length);
    this.#to.u32(token.length);
    this.#to.text(path);
    this.#to.text(token);
    this.#out.pad();
  }

  protected override node(
    connection: number,
    transaction: number,
    ownPath: string,
    value: Uint8Array,
    access: number,
    allPerms: Perms,
  ): void {
    const path = toOxenstored(ownPath);
    const perms = allPerms.filter((entry, i) => i === 0 || !isStale(entry));
    if (allPerms.some(isStale)) this.#notes.add("stale permissions: they are removed");
    this.#out.u32("node", connection, transaction, access);
    this.#out.text("node", "path", path);
    this.#out.begin(types.NODE_DATA, 24 + 4 * perms.length + path.length + value.length);
    this.#to.u32(connection);
    this.#to.u32(transaction);
    this.#to.u32(path.length);
    this.#to.u32(value.length);
    this.#to.u32(access);
    this.#to.u32(perms.length);
    for (const entry of perms) {
      this.#to.u8(types.PERM_LETTERS.charCodeAt(permMask(entry)));
      this.#to.u8(0);
      this.#to.u16(isStale(entry) ? 0 : permDomid(entry));
    }
    this.#to.text(path);
    this.#to.bytes(value);
    this.#out.pad();
  }
}
