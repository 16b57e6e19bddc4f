import type { Random } from "../support/random.ts";
import { encodeMessage, HEADER_SIZE, PAYLOAD_MAX } from "../../lib/wire/header.ts";
import { MESSAGE_TYPE_COUNT } from "./message_types.ts";
import { toBytes } from "../../lib/wire/text.ts";

const PATHS = ["/f", "/f/a", "/f/a/b", "f", "@releaseDomain", "@x", "/", "//", "/f/", ""] as const;
const TAILS = [
  "",
  "v",
  "n0\0",
  "r0\0b1\0",
  "t\0",
  "t\x001\x00",
  "T\0",
  "0\0",
  "x\0y\0z\0",
] as const;
const LENGTHS = [4097, 4112, 8192, 65536, 0x7fffffff, 0x80000000, 0xffffffff] as const;

/** A request as a client might send it, on nodes below /f. */
export function validMessage(random: Random, reqId: number): Uint8Array {
  // CONTROL, type 0, is left out: its logfile command writes where it is told to.
  const type = 1 + random.below(MESSAGE_TYPE_COUNT - 1);
  const txId = random.percent(20) ? random.below(4) : 0;
  const payload = toBytes(`${random.pick(PATHS)}\0${random.pick(TAILS)}`);
  return encodeMessage(type, reqId, txId, payload).slice();
}

/** A request whose header is sound and whose payload is anything. */
export function soundMessage(random: Random, reqId: number): Uint8Array {
  const message = random.percent(70)
    ? validMessage(random, reqId)
    : encodeMessage(anyType(random), reqId, random.below(3), random.bytes(anyLength(random)));
  const own = message.slice();
  const changes = random.percent(50) ? random.below(4) : 0;
  for (let i = 0; i < changes && own.length > HEADER_SIZE; i++) {
    const at = HEADER_SIZE + random.below(own.length - HEADER_SIZE);
    own[at] = random.percent(50) ? 0 : random.below(256);
  }
  return own;
}

/** A header that announces more than is allowed. */
export function oversizeMessage(random: Random): Uint8Array {
  const message = validMessage(random, 1);
  new DataView(message.buffer).setUint32(12, random.pick(LENGTHS), true);
  return message;
}

function anyType(random: Random): number {
  return random.percent(70)
    ? 1 + random.below(MESSAGE_TYPE_COUNT + 3)
    : random.pick([65535, 0x7fffffff, 0xffffffff, 256]);
}

function anyLength(random: Random): number {
  return random.percent(80) ? random.below(64) : random.below(PAYLOAD_MAX + 1);
}
