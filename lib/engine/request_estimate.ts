import { CHEAP_PAYLOAD_BYTES } from "../limits.ts";
import { type Header, HEADER_SIZE } from "../wire/header.ts";
import { MessageType as T } from "../wire/message_type.ts";
import type { Connection } from "./connection.ts";
import type { Transaction } from "./transaction.ts";
import {
  FORGET_UNITS,
  MADE_UNITS,
  MERGED_UNITS,
  PERM_UNITS,
  RECORDED_PATH_SHIFT,
  RECORDED_UNITS,
  REGISTRATION_UNITS,
  REMOVED_UNITS,
  SEEN_UNITS,
} from "./work_meter.ts";

/** A unit for so many bytes of a node's path (a shift), where a path is written down for each of its nodes. */
const NODE_PATH_SHIFT = 6;
/** Bytes of an entry of permissions, at least. */
const PERM_BYTES_SHIFT = 2;
/** The paths of a chain have half of the last one's length in the mean. */
const CHAIN_PATH_SHIFT = RECORDED_PATH_SHIFT + 1;
const SLASH = 0x2f;

/**
 * About what a request will cost, in units, as far as its bytes and what its client has tell: 0 where that is not
 * much, or not known. It is no promise: a MKDIR of a deep path that is there costs little.
 *
 * `bytes` has the request from `from` on. `isRecorded`: a listener keeps each change.
 */
export function estimate(
  connection: Connection,
  { len, txId, type }: Header,
  bytes: Uint8Array,
  from: number,
  isRecorded: boolean,
): number {
  if (type === T.TRANSACTION_END) {
    const transaction = connection.transactions.get(txId);
    return transaction === undefined ? 0 : commitUnits(connection, transaction, isRecorded);
  }
  if (type === T.RESET_WATCHES) return FORGET_UNITS * connection.watches.size;
  if (type === T.RM) return removalUnits(connection, isRecorded && txId === 0);
  if (len <= CHEAP_PAYLOAD_BYTES) return 0;
  switch (type) {
    case T.MKDIR:
    case T.WRITE: {
      const levels = levelsOf(bytes, from + HEADER_SIZE, from + HEADER_SIZE + len);
      const more = isRecorded ? RECORDED_UNITS + (len >> CHAIN_PATH_SHIFT) : 0;
      return levels * (MADE_UNITS + (len >> NODE_PATH_SHIFT) + more);
    }
    case T.WATCH:
      return REGISTRATION_UNITS + len;
    case T.SET_PERMS:
      return PERM_UNITS * (len >> PERM_BYTES_SHIFT);
    default:
      return 0;
  }
}

function commitUnits(
  connection: Connection,
  { touched, written }: Transaction,
  isRecorded: boolean,
): number {
  const units = MERGED_UNITS * written.length + SEEN_UNITS * touched.size;
  if (!isRecorded) return units;
  const removes = written.some(({ removed }) => removed);
  return units + recordedUnits(written) + (removes ? removalUnits(connection, true) : 0);
}

/**
 * A guest can remove what it owns, about: its memory has the paths and values of all that. The privileged domain owns most
 * of the store, so for it this says nothing.
 */
function removalUnits({ account, privileged }: Connection, isRecorded: boolean): number {
  if (privileged || account === null) return 0;
  const { memory, nodes } = account.now;
  if (!isRecorded) return REMOVED_UNITS * nodes;
  return (REMOVED_UNITS + RECORDED_UNITS) * nodes + (memory >> RECORDED_PATH_SHIFT);
}

function recordedUnits(written: readonly { readonly path: string }[]): number {
  let units = 0;
  for (let i = 0; i < written.length; i++) {
    units += RECORDED_UNITS + (written[i]!.path.length >> RECORDED_PATH_SHIFT);
  }
  return units;
}

/** The names of the path that begins at `from`, about. */
function levelsOf(bytes: Uint8Array, from: number, to: number): number {
  let levels = 1;
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    if (byte === SLASH) levels++;
    else if (byte === 0) break;
  }
  return levels;
}
