import { canonicalPath } from "../store/path.ts";
import { connectionOf, nodeOf, transactionOf } from "../state/bare_records.ts";
import { BinaryReader, type Decoded, type PlacedRecord, UNKNOWN } from "./binary_reader.ts";
import { readPerms, readQuotas } from "./decode_fields.ts";
import { StreamError } from "./errors.ts";
import type { FieldReader } from "./field_reader.ts";
import * as types from "./record_types.ts";
import type * as records from "../state/records.ts";

/** What the first 16 bytes of a stream say. */
export interface Preamble {
  readonly version: 1 | 2;
  readonly endian: "little" | "big";
}

/**
 * Reads the preamble.
 * @throws {StreamError} when it is none that we know
 */
export function readPreamble(bytes: Uint8Array): Preamble {
  if (bytes.length < types.PREAMBLE_BYTES) {
    throw new StreamError(
      `the stream ends in its first ${types.PREAMBLE_BYTES} bytes, after ${bytes.length}`,
      0,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(8), flags = view.getUint32(12);
  if (version !== 1 && version !== 2) {
    throw new StreamError(`version ${version} is not known: 1 or ${types.VERSION_MAX}`, 8);
  }
  if (flags > types.FLAG_BIG_ENDIAN) {
    const text = flags.toString(16).padStart(8, "0");
    throw new StreamError(`flags 0x${text} are not known: 0 little endian, 1 big endian`, 12);
  }
  return { version, endian: flags === types.FLAG_BIG_ENDIAN ? "big" : "little" };
}

/**
 * Reads the final format, record by record. Lengths may count the padding, as Xen's daemon writes
 * them, or not, as the specification says.
 */
export class StreamReader extends BinaryReader {
  readonly version: 1 | 2;
  readonly endian: "little" | "big";
  /** Domids by the connections that are rings. */
  readonly #rings = new Map<number, number>();
  /** The record read last, of which the next may tell more. */
  #latest: PlacedRecord | null = null;

  /** @throws {StreamError} when the preamble is none */
  constructor(bytes: Uint8Array) {
    const { endian, version } = readPreamble(bytes);
    super(bytes, endian);
    this.version = version;
    this.endian = endian;
  }

  override next(): PlacedRecord | null {
    while (!this.isEnded) {
      const before = this.#latest;
      if (this.step() !== null && before !== null) return before;
    }
    const last = this.#latest;
    this.#latest = null;
    return last ?? super.next();
  }

  protected override step(): records.StateRecord | null {
    const record = super.step();
    if (record !== null) this.#latest = { record, offset: this.fields.offset };
    return record;
  }

  /** A newer version of ours may have appended fields. */
  protected override mayLeave(type: number, left: number): boolean {
    return isOurs(type) || left < types.ALIGNMENT;
  }

  protected override decode(type: number): Decoded {
    const fields = this.fields;
    switch (type) {
      case types.NODE_DATA:
        return readNode(fields);
      case types.WATCH_DATA: {
        const connection = fields.u32();
        return readWatch(fields, connection, fields.u16(), fields.u16(), Infinity);
      }
      case types.WATCH_DATA_EXTENDED:
        return this.#watchExtended();
      case types.CONNECTION_DATA:
        return this.#connection();
      case types.TRANSACTION_DATA:
        return transactionOf(fields.u32(), fields.u32());
      case types.GLOBAL_DATA:
        return { kind: "descriptors", socketFd: fields.fd(), eventChannelFd: fields.fd() };
      case types.GLOBAL_QUOTA_DATA: {
        const domain = fields.u16(), global = fields.u16();
        const [first, second] = readQuotas(fields, domain, global);
        return { kind: "quota", domain: first, global: second };
      }
      case types.DOMAIN_DATA: {
        const domid = fields.u16(), count = fields.u16(), features = fields.u32();
        const [quotas] = readQuotas(fields, count, 0);
        if (this.domains.get(domid).quotas !== null) fields.fail(`domain ${domid} is there twice`);
        this.domains.tellOwn(domid, { features: this.version >= 2 ? features : 0, quotas });
        return null;
      }
      default:
        return this.#detail(type);
    }
  }

  /** A record of ours, most of which tell more of another one. */
  #detail(type: number): Decoded {
    const fields: FieldReader = this.fields, latest = this.#latest?.record;
    switch (type) {
      case types.RING_DETAIL: {
        const connection = fields.u32(), port = fields.u32(), gfn = fields.u64();
        const domid = this.#rings.get(connection);
        if (domid === undefined) fields.fail(`no ring of connection ${connection} came before`);
        if (this.domains.get(domid).port !== null) {
          fields.fail(`the ring of domain ${domid} is there twice`);
        }
        this.domains.tell(domid, { port, gfn });
        return null;
      }
      case types.TRANSACTION_DETAIL: {
        const connection = fields.u32(), id = fields.u32(), operations = fields.u32();
        const isIts = latest?.kind === "transaction" && latest.connection === connection &&
          latest.id === id;
        if (!isIts) fields.fail(`transaction ${id} of connection ${connection} is not before it`);
        if (latest.operations !== null) {
          fields.fail(`transaction ${id} of connection ${connection} is there twice`);
        }
        return this.#more({ ...latest, operations });
      }
      case types.CONNECTION_DETAIL: {
        const connection = fields.u32(), transactionIdLast = fields.u32();
        const ignored = (fields.u32() & types.CONNECTION_IGNORED) !== 0;
        const isIts = latest?.kind === "connection" && latest.id === connection;
        if (!isIts) fields.fail(`connection ${connection} is not before it`);
        if (latest.transactionIdLast !== null) {
          fields.fail(`connection ${connection} is there twice`);
        }
        return this.#more({ ...latest, transactionIdLast, ignored });
      }
      case types.DOMAIN_DETAIL: {
        const domid = fields.u16(), target = fields.u16(), flags = fields.u32();
        if (this.domains.get(domid).introduced !== null) {
          fields.fail(`domain ${domid} is there twice`);
        }
        this.domains.tellOwn(domid, {
          uniqueId: fields.u64(),
          introduced: (flags & types.DOMAIN_INTRODUCED) !== 0,
          shutdownSeen: (flags & types.DOMAIN_SHUTDOWN_SEEN) !== 0,
          target: target === types.DOMID_INVALID ? null : target,
        });
        return null;
      }
      case types.SETTING_DETAIL:
        return readSetting(fields);
      default:
        return UNKNOWN;
    }
  }

  /** Puts what is now known in the place of the record read last. */
  #more(record: records.StateRecord): null {
    this.#latest = { record, offset: this.#latest!.offset };
    return null;
  }

  #connection(): records.Connection {
    const fields = this.fields, start = fields.at;
    const id = fields.u32(), kind = fields.u16(), flags = fields.u16();
    const { end, target } = readEnd(fields, kind);
    const inputLength = fields.u16(), partialResponse = fields.u16(), outputLength = fields.u32();
    const input = fields.bytes(inputLength, "unhandled input");
    const output = fields.bytes(outputLength, "unsent output");
    if (partialResponse > outputLength) {
      fields.fail(
        `${partialResponse} bytes of a partly sent message, but ${outputLength} bytes of output`,
      );
    }
    let uniqueId: bigint | null = null;
    if ((flags & types.FIELD_UNIQUE_ID) !== 0) {
      const used = fields.at - start, padding = types.aligned(used) - used;
      if (end.kind === "socket" && fields.left < padding + 8) {
        // The bit meant a read-only socket before unique ids had a place.
        this.notes.add("a socket's flag of the first draft, read-only, has no meaning any more");
      } else {
        fields.skip(padding, "the padding before the unique id");
        uniqueId = fields.u64();
      }
    }
    if (end.kind === "ring") {
      this.#rings.set(id, end.domid);
      this.domains.tellRing(end.domid, target, uniqueId);
    }
    return connectionOf(id, end, input, output, partialResponse);
  }

  /**
   * Three layouts are about. The specification's has the strings at 12; the struct by which Xen's
   * daemon reads has them at 10; and Xen's daemon writes them at 8, without the depth, and with a
   * length that counts four bytes that are not there. NULs and paths tell which it is.
   */
  #watchExtended(): records.Watch {
    const fields = this.fields, start = fields.at;
    const connection = fields.u32(), pathLength = fields.u16(), tokenLength = fields.u16();
    const fits = (at: number): boolean => stringsFit(fields, start + at, pathLength, tokenLength);
    if (fits(12) || !(fits(10) || fits(8))) {
      const depth = fields.u16();
      fields.skip(2, "the padding behind the depth");
      return readWatch(fields, connection, pathLength, tokenLength, depthOf(depth));
    }
    if (fits(10)) {
      return readWatch(fields, connection, pathLength, tokenLength, depthOf(fields.u16()));
    }
    this.notes.add("a watch with a limited depth was written without it: it is unlimited now");
    const watch = readWatch(fields, connection, pathLength, tokenLength, Infinity);
    this.nextAt = start + types.aligned(fields.at - start);
    fields.bound(fields.at, fields.what);
    return watch;
  }
}

function depthOf(depth: number): number {
  return depth === types.DEPTH_UNLIMITED ? Infinity : depth;
}

/** Whether two strings with their NULs, the first of them a path, are at `at`. */
function stringsFit(fields: FieldReader, at: number, path: number, token: number): boolean {
  if (path < 2 || token < 1 || at + path + token > fields.at + fields.left) return false;
  let text = "";
  for (let i = 0; i < path + token; i++) {
    const byte = fields.peek(at + i)!;
    if ((byte === 0) !== (i === path - 1 || i === path + token - 1)) return false;
    if (i < path - 1) text += String.fromCharCode(byte);
  }
  return canonicalPath(text, "", true) !== null;
}

function readWatch(
  fields: FieldReader,
  connection: number,
  pathLength: number,
  tokenLength: number,
  depth: number,
): records.Watch {
  const path = fields.textWithNul(pathLength, "the watched path");
  const token = fields.textWithNul(tokenLength, "the token");
  return { kind: "watch", connection, path, token, depth };
}

function readEnd(
  fields: FieldReader,
  kind: number,
): { readonly end: records.ConnectionEnd; readonly target: number | null } {
  if (kind === types.CONNECTION_RING) {
    const domid = fields.u16(), target = fields.u16(), port = fields.u32();
    return {
      end: { kind: "ring", domid, port },
      target: target === types.DOMID_INVALID ? null : target,
    };
  }
  if (kind !== types.CONNECTION_SOCKET) {
    fields.fail(`a connection of type ${kind} is not known: 0 ring, 1 socket`);
  }
  const fd = fields.fd();
  fields.skip(4, "the padding behind the descriptor");
  return { end: { kind: "socket", fd, held: null }, target: null };
}

function readNode(fields: FieldReader): records.Node | records.Special | records.TransactionNode {
  const connection = fields.u32(), transaction = fields.u32();
  const pathLength = fields.u16(), valueLength = fields.u16();
  const access = fields.u16(), count = fields.u16();
  const perms = readPerms(fields, count);
  const path = fields.textWithNul(pathLength, "the path");
  const value = fields.bytes(valueLength, "the value");
  // The specification has the transaction and the access of a committed node ignored.
  if (connection === 0) return nodeOf(path, value, perms);
  return { kind: "transaction-node", connection, transaction, path, value, access, perms };
}

/** Types of our range, also those that newer versions may have. */
function isOurs(type: number): boolean {
  return type >>> 16 === types.RING_DETAIL >>> 16;
}

function readSetting(fields: FieldReader): records.Setting {
  const name = fields.u16(), value = fields.u16(), configured = fields.u16();
  fields.skip(2, "the padding behind the lengths");
  return {
    kind: "setting",
    name: fields.textWithNul(name, "the setting's name"),
    value: fields.textWithNul(value, "the setting's value"),
    configured: configured === 0
      ? null
      : fields.textWithNul(configured, "what the command line said"),
  };
}
