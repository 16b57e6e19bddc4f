/**
 * The wire protocol of Xenstore: messages to bytes and back (xs_wire.h, xenstore.txt). It needs no
 * permission. Texts have one character a byte, so that paths and values of any bytes survive.
 *
 * @example Encode and decode a message
 * ```ts
 * import { decodeHeader, emptyHeader, encodeMessage, joinStrings, MessageType } from "@xenstore/xs/wire";
 *
 * const bytes = encodeMessage(MessageType.READ, 1, 0, joinStrings("/vm/7/name"));
 * const { type, len } = decodeHeader(bytes, 0, emptyHeader());
 * if (type !== MessageType.READ || len !== 11) throw new Error("not what was encoded");
 * ```
 *
 * @module
 */

export { ERROR_NAMES, type ErrorCode, type ErrorName, errorPayload } from "./lib/wire/errors.ts";
export {
  decodeHeader,
  emptyHeader,
  encodeHeader,
  encodeMessage,
  type Header,
  HEADER_SIZE,
  MESSAGE_MAX,
  PAYLOAD_MAX,
} from "./lib/wire/header.ts";
export { MessageType, messageTypeName } from "./lib/wire/message_type.ts";
export { joinStrings, oneArgument, splitStrings } from "./lib/wire/payload.ts";
export { toBytes, toText } from "./lib/wire/text.ts";
