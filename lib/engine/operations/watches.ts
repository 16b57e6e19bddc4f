import { EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC, OK } from "../../wire/errors.ts";
import { READER_WATCHES_MAX } from "../../limits.ts";
import { FEATURE_WATCH_DEPTH } from "../../wire/features.ts";
import { splitStrings } from "../../wire/payload.ts";
import type { Call } from "../request.ts";
import { exceeds, roomFor } from "../quota_refusal.ts";
import { watchOverhead } from "../memory_model.ts";
import { watchKey } from "../../state/store_records.ts";
import { DONE, type Outcome, parseLoose, Registered } from "./outcome.ts";

/** WATCH: registers a watch; its first event follows the reply unconditionally. */
export function watch(call: Call): Outcome {
  const { connection, state } = call;
  const [text, token, depthText, ...more] = splitStrings(call.payload);
  if (text === undefined || token === undefined || more.length > 0) return EINVAL;
  if (depthText !== undefined && !offersDepth(call)) return EINVAL;
  const depth = depthText === undefined ? -1 : parseLoose(depthText);
  if (depthText !== undefined && depth < 0) return EINVAL;
  const path = call.pathUpTo(text.length, true);
  if (path === null) return EINVAL;
  const key = watchKey(path, token);
  if (connection.watches.has(key)) return EEXIST;
  if (connection.readOnly && connection.watches.size >= READER_WATCHES_MAX) return ENOSPC;
  const account = state.accounts.of(connection.domid);
  const bytes = path.length + token.length;
  if (exceeds(call, "watches", account.now.watches + 1, path)) return ENOSPC;
  if (exceeds(call, "memory", account.now.memory + bytes, path)) return ENOMEM;
  const error = roomFor(call, bytes + watchOverhead(path));
  if (error !== OK) return error;
  if (!fitsDisk(call, bytes)) return ENOSPC;
  const relative = text.length !== path.length;
  return new Registered(state.addWatch(connection, path, token, relative, depth));
}

function offersDepth(call: Call): boolean {
  const { connection, state } = call;
  const features = state.domains.get(connection.domid)?.features ?? 0;
  return (features & FEATURE_WATCH_DEPTH) !== 0;
}

/** What a watch takes in the journal besides its path and token. */
const RECORD_BYTES = 16;

/**
 * Whether what becomes of a watch can be kept. While there is no space, that is not much: what cannot be
 * refused has to find some at any moment, or nobody could be answered, readers included.
 */
function fitsDisk({ connection, state }: Call, bytes: number): boolean {
  if (!state.full || connection.key < 0) return true;
  const needed = RECORD_BYTES + bytes;
  if (needed > state.spaceLeft) return false;
  state.spaceLeft -= needed;
  return true;
}

/** UNWATCH: events already queued still arrive. */
export function unwatch(call: Call): Outcome {
  const strings = splitStrings(call.payload);
  if (strings.length !== 2) return EINVAL;
  const path = call.pathUpTo(strings[0]!.length, true);
  if (path === null) return EINVAL;
  const found = call.connection.watches.get(watchKey(path, strings[1]!));
  if (found === undefined) return ENOENT;
  if (!fitsDisk(call, found.path.length + found.token.length)) return ENOSPC;
  call.state.dropWatch(found);
  return DONE;
}

/** RESET_WATCHES: drops all watches and all transactions of the caller (XSA-330, XSA-484). */
export function resetWatches(call: Call): Outcome {
  let bytes = 0;
  for (const { path, token } of call.connection.watches.values()) {
    bytes += RECORD_BYTES + path.length + token.length;
  }
  if (!fitsDisk(call, bytes)) return ENOSPC;
  call.state.resetConnection(call.connection);
  call.transaction = null;
  return DONE;
}
