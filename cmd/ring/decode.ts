import {
  CONNECTION,
  ERROR,
  EVTCHN_PORT,
  REQ_CONS,
  REQ_PROD,
  REQUEST_RING,
  RESPONSE_RING,
  RING_SIZE,
  RSP_CONS,
  RSP_PROD,
  SERVER_FEATURES,
} from "../../lib/transport/ring_page.ts";
import {
  decodeHeader,
  emptyHeader,
  getU32,
  HEADER_SIZE,
  PAYLOAD_MAX,
} from "../../lib/wire/header.ts";
import { MessageType, messageTypeName } from "../../lib/wire/message_type.ts";

/** A message, or what is none, in one direction of a ring. */
export interface RingPacket {
  /** How many bytes of it are in the ring. */
  readonly bytes: number;
  /** Null for what cannot be a message. */
  readonly header: { type: string; reqId: number; txId: number; len: number } | null;
  /** What is odd about it; null for nothing. */
  readonly note: string | null;
  /** Its bytes there. */
  readonly data: Uint8Array;
}

/** One direction of a ring. */
export interface RingDirection {
  readonly cons: number;
  readonly prod: number;
  /** Bytes between both; null where they are more than a ring apart. */
  readonly waiting: number | null;
  readonly packets: readonly RingPacket[];
}

/** A ring page. */
export interface RingContents {
  readonly requests: RingDirection;
  readonly responses: RingDirection;
  readonly features: number;
  readonly connection: number;
  readonly error: number;
  readonly port: number;
}

const REQUESTS: ReadonlySet<number> = new Set(
  Object.values(MessageType).filter((type) =>
    type !== MessageType.WATCH_EVENT && type !== MessageType.ERROR
  ),
);
const RESPONSES: ReadonlySet<number> = new Set(Object.values(MessageType));

/** The highest type that there is. */
const LAST_TYPE = MessageType.SET_QUOTA;

/**
 * Decodes a copy of a page; `taken` bytes of the first request, which begin with `head`, are not in it any more.
 */
export function decodeRing(page: Uint8Array, taken: number, head: readonly number[]): RingContents {
  const word = (index: number): number => getU32(page, 4 * index);
  const rest = (bytes: Uint8Array): number => restOf(bytes, taken, head);
  return {
    requests: direction(page, REQUEST_RING, word(REQ_CONS), word(REQ_PROD), REQUESTS, rest),
    responses: direction(page, RESPONSE_RING, word(RSP_CONS), word(RSP_PROD), RESPONSES, () => 0),
    features: word(SERVER_FEATURES),
    connection: word(CONNECTION),
    error: word(ERROR),
    port: word(EVTCHN_PORT),
  };
}

/** How many of `bytes` are the rest of a message of which `taken` bytes, which begin with `head`, are gone. */
function restOf(bytes: Uint8Array, taken: number, head: readonly number[]): number {
  if (taken === 0) return 0;
  const header = Uint8Array.from([...head, ...bytes.subarray(0, HEADER_SIZE)]);
  if (header.length < HEADER_SIZE || taken + bytes.length < HEADER_SIZE) return bytes.length;
  const { len } = decodeHeader(header, 0, emptyHeader());
  return Math.min(bytes.length, Math.max(0, HEADER_SIZE + len - taken));
}

function direction(
  page: Uint8Array,
  ring: number,
  cons: number,
  prod: number,
  types: ReadonlySet<number>,
  rest: (bytes: Uint8Array) => number,
): RingDirection {
  const waiting = (prod - cons) >>> 0;
  if (waiting > RING_SIZE) return { cons, prod, waiting: null, packets: [] };
  const bytes = new Uint8Array(waiting);
  for (let i = 0; i < waiting; i++) bytes[i] = page[ring + (cons + i) % RING_SIZE]!;
  return { cons, prod, waiting, packets: packetsIn(bytes, types, rest(bytes)) };
}

function packetsIn(
  bytes: Uint8Array,
  types: ReadonlySet<number>,
  rest: number,
): RingPacket[] {
  const packets: RingPacket[] = [];
  let at = rest;
  if (at > 0) {
    const data = bytes.subarray(0, at);
    packets.push({
      bytes: at,
      header: null,
      note: "the rest of a message that was read in part",
      data,
    });
  }
  while (at < bytes.length) {
    const packet = packetAt(bytes.subarray(at), types);
    packets.push(packet);
    at += packet.bytes;
  }
  return packets;
}

function packetAt(bytes: Uint8Array, types: ReadonlySet<number>): RingPacket {
  if (bytes.length < HEADER_SIZE) {
    const note = `the first ${bytes.length} bytes of a header`;
    return { bytes: bytes.length, header: null, note, data: bytes };
  }
  const { len, reqId, txId, type } = decodeHeader(bytes, 0, emptyHeader());
  const header = { type: messageTypeName(type), reqId, txId, len };
  // Where one cannot be a message, none behind it can be found.
  const nothing = (note: string): RingPacket => ({
    bytes: bytes.length,
    header,
    note,
    data: bytes,
  });
  if (len > PAYLOAD_MAX) {
    return nothing(`cannot be a message: ${len} bytes of payload, more than 4096`);
  }
  if (!types.has(type)) {
    return nothing(
      type > LAST_TYPE ? "cannot be a message: unknown type" : "cannot be one in this direction",
    );
  }
  const size = HEADER_SIZE + len;
  const there = Math.min(size, bytes.length);
  const note = there < size ? `${there} of its ${size} bytes are there` : null;
  return { bytes: there, header, note, data: bytes.subarray(0, there) };
}
