import type { Redaction } from "../../store/redaction.ts";
import { MessageType } from "../../wire/message_type.ts";
import { toText } from "../../wire/text.ts";

/** What of a request and of its reply must not be shown. */
export interface HiddenParts {
  /** Where in the request's payload the hidden value begins; -1 for nowhere. */
  readonly requestFrom: number;
  /** Whether the reply is a hidden value. */
  readonly reply: boolean;
}

const NOTHING: HiddenParts = { requestFrom: -1, reply: false };
const REPLY: HiddenParts = { requestFrom: -1, reply: true };

/**
 * Which values a request of a client of domain `domid` has or asks for that are hidden: that of a node
 * whose path is, and all bytes of dumps and rings, in which any value may be.
 */
export function hiddenParts(
  redaction: Redaction,
  domid: number,
  type: number,
  payload: Uint8Array,
): HiddenParts {
  if (type === MessageType.CONTROL) return inControl(payload);
  if (type !== MessageType.WRITE && type !== MessageType.READ) return NOTHING;
  const to = payload.indexOf(0);
  if (to < 0 || !redaction.hidesFor(toText(payload, 0, to), domid)) return NOTHING;
  return type === MessageType.READ ? REPLY : { requestFrom: to + 1, reply: false };
}

/** CONTROL `archive <job> read` and `archive <job> put <bytes>`; `ring` and `errors`, whose bytes may be any. */
function inControl(payload: Uint8Array): HiddenParts {
  const commandEnd = payload.indexOf(0);
  const command = commandEnd < 0 ? "" : toText(payload, 0, commandEnd);
  if (command === "ring" || command === "errors") return REPLY;
  if (command !== "archive") return NOTHING;
  const jobEnd = payload.indexOf(0, commandEnd + 1);
  const wordEnd = jobEnd < 0 ? -1 : payload.indexOf(0, jobEnd + 1);
  if (wordEnd < 0) return NOTHING;
  const word = toText(payload, jobEnd + 1, wordEnd);
  if (word === "read") return REPLY;
  return word === "put" ? { requestFrom: wordEnd + 1, reply: false } : NOTHING;
}
