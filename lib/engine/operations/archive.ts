import { EINVAL, ENOENT } from "../../wire/errors.ts";
import { toText } from "../../wire/text.ts";
import type { Call } from "../request.ts";
import { longTextReply, type Outcome } from "./outcome.ts";

const DOMID = /^[0-9]{1,5}$/;
const LENGTH = /^[0-9]{1,10}$/;
/** What `xs` of before this protocol asked for: the name of a file for the daemon. */
const OUTDATED =
  "the daemon sends and takes dumps over the connection now: use the xs that belongs " +
  "to it (`xs status` prints its version)";

/** CONTROL `dump all|<domid>`: asks for a migration stream; the reply is the job's number. */
export function dump({ connection, now, state }: Call, args: readonly string[]): Outcome {
  const actions = state.admin.archive;
  const [what = "", ...more] = args;
  if (actions === null) return EINVAL;
  if (what.startsWith("/")) return longTextReply(OUTDATED);
  if (more.length > 0 || !(what === "all" || DOMID.test(what))) return EINVAL;
  return longTextReply(actions.dump(connection, what === "all" ? null : Number(what), now));
}

/**
 * CONTROL `restore [-n] [-q] <length> [<domid>[:<domid>]]`: asks for a restore of a stream of so many
 * bytes. `-n` only looks whether it could be done, `-q` lets domains be over their quotas.
 */
export function restore({ connection, now, state }: Call, args: readonly string[]): Outcome {
  const actions = state.admin.archive;
  if (actions === null) return EINVAL;
  const options = args.filter((word) => word === "-n" || word === "-q");
  const [length = "", domain, ...more] = args.filter((word) => word !== "-n" && word !== "-q");
  if (length.startsWith("/")) return longTextReply(OUTDATED);
  if (!LENGTH.test(length) || more.length > 0) return EINVAL;
  const [from, to = from, ...others] = domain?.split(":") ?? [];
  if (others.length > 0) return EINVAL;
  if (from !== undefined && !(DOMID.test(from) && DOMID.test(to!))) return EINVAL;
  const mapping = from === undefined ? null : { from: Number(from), to: Number(to) };
  const check = options.includes("-n"), overQuota = options.includes("-q");
  const order = { bytes: Number(length), mapping, check, overQuota };
  return longTextReply(actions.restore(connection, order, now));
}

/**
 * CONTROL `archive <job> [cancel|read|put <bytes>]`: how a job gets on; gives it up; the next bytes of a
 * dump, without a NUL behind them; takes the next of a restore, which may be any bytes before the last NUL.
 */
export function archive({ connection, now, payload, state }: Call): Outcome {
  const actions = state.admin.archive;
  if (actions === null) return EINVAL;
  const jobAt = payload.indexOf(0) + 1;
  const jobEnd = payload.indexOf(0, jobAt);
  if (jobEnd <= jobAt) return EINVAL;
  const job = toText(payload, jobAt, jobEnd);
  const textOrMissing = (text: string | null): Outcome =>
    text === null ? ENOENT : longTextReply(text);
  const wordEnd = payload.indexOf(0, jobEnd + 1);
  if (wordEnd < 0) return textOrMissing(actions.status(connection, job, now));
  const word = toText(payload, jobEnd + 1, wordEnd);
  if (word === "put") {
    const bytes = payload.subarray(wordEnd + 1, -1);
    return textOrMissing(actions.put(connection, job, bytes, now));
  }
  if (wordEnd < payload.length - 1) return EINVAL;
  if (word === "read") return actions.read(connection, job, now) ?? ENOENT;
  return word === "cancel" ? textOrMissing(actions.cancel(connection, job, now)) : EINVAL;
}
