import { EINVAL, ENOENT } from "../../wire/errors.ts";
import { PAYLOAD_MAX } from "../../wire/header.ts";
import { toBytes, toText } from "../../wire/text.ts";
import type { Call } from "../call.ts";
import { type Outcome, textReply } from "./outcome.ts";

const DOMID = /^[0-9]{1,5}$/;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What of a request is the name of a file, or of a reply speaks of one, is UTF-8 on the wire. */
function fromWire(text: string): string {
  return decoder.decode(toBytes(text));
}

function reply(text: string): Outcome {
  const bytes = encoder.encode(text);
  return textReply(toText(bytes, 0, Math.min(bytes.length, PAYLOAD_MAX - 1)));
}

/** CONTROL `dump <file> [<domid>]`: begins to write a migration stream; the reply is the job's number. */
export function dump(call: Call, args: readonly string[]): Outcome {
  const { archive } = call.state.admin;
  const [file, domid, ...more] = args;
  if (archive === null) return EINVAL;
  if (file === undefined || !file.startsWith("/") || more.length > 0) return EINVAL;
  if (domid !== undefined && !DOMID.test(domid)) return EINVAL;
  return reply(archive.dump(fromWire(file), domid === undefined ? null : Number(domid)));
}

/**
 * CONTROL `restore [-n] [-q] <file> [<domid>[:<domid>]]`: begins to restore a stream. `-n` only
 * looks whether it could be done, `-q` lets domains be over their quotas.
 */
export function restore(call: Call, args: readonly string[]): Outcome {
  const { archive } = call.state.admin;
  if (archive === null) return EINVAL;
  const options = args.filter((word) => word === "-n" || word === "-q");
  const [file, domain, ...more] = args.filter((word) => word !== "-n" && word !== "-q");
  if (file === undefined || !file.startsWith("/") || more.length > 0) return EINVAL;
  const [from, to = from, ...others] = domain?.split(":") ?? [];
  if (others.length > 0) return EINVAL;
  if (from !== undefined && !(DOMID.test(from) && DOMID.test(to!))) return EINVAL;
  const mapping = from === undefined ? null : { from: Number(from), to: Number(to) };
  const check = options.includes("-n"), overQuota = options.includes("-q");
  return reply(archive.restore({ file: fromWire(file), mapping, check, overQuota }));
}

/** CONTROL `archive <job>`: how a dump or a restore gets on. */
export function archiveStatus(call: Call, args: readonly string[]): Outcome {
  const { archive } = call.state.admin;
  if (archive === null) return EINVAL;
  if (args.length !== 1) return EINVAL;
  const status = archive.status(args[0]!);
  return status === null ? ENOENT : reply(status);
}
