import { connectionOf, nodeOf, transactionOf } from "../state/bare_records.ts";
import { BinaryReader, type Decoded, UNKNOWN } from "./binary_reader.ts";
import { readPerms } from "./decode_fields.ts";
import { fromOxenstored } from "./oxenstored_paths.ts";
import * as types from "./record_types.ts";
import type * as records from "../state/records.ts";

/**
 * Reads oxenstored's binary format of 2021: the preamble of a big-endian stream of version 1, and
 * records of its own layouts, whose lengths do not count the padding and whose texts have no NUL.
 */
export class OxenstoredBinaryReader extends BinaryReader {
  /** @param bytes of which the preamble was found to be right */
  constructor(bytes: Uint8Array) {
    super(bytes, "big");
  }

  protected override mayLeave(_type: number, left: number): boolean {
    return left === 0;
  }

  /** Its writer forgot the partial response when it counted. */
  protected override bodyLength(type: number, stated: number): number {
    const { fields } = this, body = fields.at;
    if (type !== types.CONNECTION_DATA || fields.left < 32) return stated;
    fields.seek(body + 20);
    const input = fields.u32(), partial = fields.u32(), output = fields.u32();
    fields.seek(body);
    return stated === 32 + input + output ? stated + partial : stated;
  }

  protected override decode(type: number): Decoded {
    const { fields } = this;
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
        return UNKNOWN;
    }
  }

  #connection(): records.Connection {
    const { fields } = this;
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
      this.domains.tell(domid, { hasRing: true, target, port });
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
