import { TRACE_CLIENT_BYTES_MAX } from "../../limits.ts";
import { joinBytes } from "../../wire/text.ts";
import { type Frame, FrameKind } from "../../wire/stream_frame.ts";
import { decodeHeader, emptyHeader, HEADER_SIZE } from "../../wire/header.ts";
import { ClientTable } from "./client_table.ts";

/** Of a packet what comes before the message; docs/wireshark/xenstore.lua reads it. */
const PSEUDO_HEADER_BYTES = 12;

/** LINKTYPE_USER0: what a file's own users agree on. */
const LINK_TYPE = 147;

/** What a packet is. */
const REQUEST = 0, REPLY = 1, EVENT = 2;

const SECTION_HEADER = 0x0a0d0d0a, INTERFACE = 1, ENHANCED_PACKET = 6;
const BYTE_ORDER = 0x1a2b3c4d;
const OPTION_END = 0, OPTION_COMMENT = 1;

/** What a pcapng file begins with. */
export function pcapngHead(): Uint8Array {
  return joinBytes([
    block(SECTION_HEADER, [u32(BYTE_ORDER), u16(1), u16(0), u32(0xffff_ffff), u32(0xffff_ffff)]),
    block(INTERFACE, [u16(LINK_TYPE), u16(0), u32(0)]),
  ]);
}

/**
 * Makes a pcapng file (draft-ietf-opsawg-pcapng) of a recording: each message is a packet, behind 12 bytes of
 * ours: what it is, the frame's flags, two bytes 0, the connection, the call's number.
 */
export class PcapngEncoder {
  /** Who has a connection that has no packet yet. */
  readonly #clients = new ClientTable<Uint8Array>();

  /** The packets of frames, which come behind {@link pcapngHead}. */
  add(frames: readonly Frame[]): Uint8Array {
    const blocks: Uint8Array[] = [];
    for (const frame of frames) {
      // No daemon writes a longer one, and many of them would fill the memory.
      const isClient = frame.kind === FrameKind.CONNECTION;
      if (isClient && frame.body.length <= TRACE_CLIENT_BYTES_MAX) {
        this.#clients.set(frame.connection, frame.body);
      }
      if (frame.kind !== FrameKind.CALL && frame.kind !== FrameKind.EVENT) continue;
      const comment = this.#clients.get(frame.connection) ?? null;
      this.#clients.delete(frame.connection);
      blocks.push(...packets(frame, comment));
    }
    return joinBytes(blocks);
  }
}

/** Who a connection is stands as a comment at its first packet. */
function packets(frame: Frame, comment: Uint8Array | null): Uint8Array[] {
  const { body } = frame;
  if (frame.kind === FrameKind.EVENT) return [packet(EVENT, frame, body, frame.at, comment)];
  const end = HEADER_SIZE + decodeHeader(body, 0, emptyHeader()).len;
  const repliedAt = frame.at + (frame.waitedUs + frame.tookUs) / 1_000;
  return [
    packet(REQUEST, frame, body.subarray(0, end), frame.at, comment),
    packet(REPLY, frame, body.subarray(end), repliedAt, null),
  ];
}

function packet(
  what: number,
  { connection, flags, number }: Frame,
  message: Uint8Array,
  atMs: number,
  comment: Uint8Array | null,
): Uint8Array {
  const us = BigInt(Math.round(atMs * 1_000));
  const length = PSEUDO_HEADER_BYTES + message.length;
  const parts = [
    u32(0),
    u32(Number(us >> 32n)),
    u32(Number(us & 0xffff_ffffn)),
    u32(length),
    u32(length),
    padded(joinBytes([Uint8Array.of(what, flags, 0, 0), u32(connection), u32(number), message])),
  ];
  if (comment !== null) {
    parts.push(u16(OPTION_COMMENT), u16(comment.length), padded(comment), u16(OPTION_END), u16(0));
  }
  return block(ENHANCED_PACKET, parts);
}

/** A block: its type, its length before and behind what is in it. */
function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const body = joinBytes(parts);
  const length = u32(body.length + 12);
  return joinBytes([u32(type), length, body, length]);
}

function padded(bytes: Uint8Array): Uint8Array {
  return joinBytes([bytes, new Uint8Array(-bytes.length & 3)]);
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >>> 8);
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
