import { EINVAL, ENOENT } from "../../wire/errors.ts";
import { toBytes } from "../../wire/text.ts";
import { canonicalPath } from "../../store/path.ts";
import type { Call } from "../request.ts";
import { DONE, longTextReply, type Outcome } from "./outcome.ts";

const decoder = new TextDecoder();

const NONE = "off";

/**
 * CONTROL `history query <version> <query>|read <number>|end <number>`: asks the history, the reply is the query's number; the next
 * bytes of its answer, without a NUL behind them, none at the end; and that the rest is not wanted. `history purge <path>...` takes
 * paths and all below them out of it, the reply is the purge's number; `history purged <number>` tells how it stands.
 */
export function history({ connection, now, state }: Call, args: readonly string[]): Outcome {
  const actions = state.admin.history;
  const [what, ...words] = args, [first = "", second = ""] = words;
  if (what === "query" && words.length === 2) {
    if (actions === null) return longTextReply(NONE);
    // Text that is no ASCII is UTF-8 on the wire.
    const query = decoder.decode(toBytes(second));
    return longTextReply(actions.query(connection, first, query, now));
  }
  if (what === "purge" && words.length > 0 && words.every(isAbsolute)) {
    return longTextReply(actions === null ? NONE : actions.purge(words));
  }
  if (actions === null || words.length !== 1) return EINVAL;
  if (what === "purged") {
    const status = actions.purged(first);
    return status === null ? ENOENT : longTextReply(status);
  }
  if (what === "read") return actions.read(connection, first, now) ?? ENOENT;
  if (what === "end") return actions.end(connection, first) ? DONE : ENOENT;
  return EINVAL;
}

function isAbsolute(path: string): boolean {
  return canonicalPath(path, "", true) === path;
}
