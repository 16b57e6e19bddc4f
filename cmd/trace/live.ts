import { orNull, XenstoreError } from "../../lib/client/error.ts";
import { FrameStream } from "../../lib/client/frames.ts";
import { fromByteText, Operations } from "../../lib/client/operations.ts";
import { findSocket } from "../../lib/client/socket_path.ts";
import { openStream } from "../../lib/client/stream.ts";
import { type CommonFlags, openSession } from "../context.ts";
import { CommandError } from "../report.ts";
import type { Shell } from "../shell.ts";
import { homePath } from "../../lib/wire/home_path.ts";
import { toText } from "../../lib/wire/text.ts";
import { parseFilter } from "./filter.ts";
import { domidIn, type FilterFlags, filterWords } from "./parameters.ts";

/** Opens a stream of the messages that the flags name. @throws {UsageError} */
export async function openMessages(
  shell: Shell,
  flags: CommonFlags & FilterFlags,
): Promise<FrameStream> {
  parseFilter(flags, null);
  const domid = flags.domain === undefined ? null : await domainOf(shell, flags, flags.domain);
  const named = flags.socket === undefined ? undefined : fromByteText(flags.socket);
  const path = findSocket(named, shell.around);
  const words = ["messages", ...filterWords(flags, domid)];
  const timeout = flags.timeout ?? shell.timeout;
  try {
    return await FrameStream.open(await openStream(path), path, words, {
      clock: shell.clock,
      timeout,
    });
  } catch (error) {
    if (!(error instanceof XenstoreError)) throw error;
    if (error.code === "EBUSY") throw new CommandError(error.detail);
    if (error.operation !== "control") throw error;
    const hint = error.code === "EINVAL"
      ? "the daemon has no streams (it is an older xs, or not xs)"
      : "the daemon lets only privileged clients read its streams";
    throw new CommandError(hint);
  }
}

async function domainOf(shell: Shell, flags: CommonFlags, text: string): Promise<number> {
  const domid = domidIn(text);
  if (domid !== null) return domid;
  const session = await openSession(shell, flags);
  try {
    return await findDomain(new Operations(session), text);
  } finally {
    session.close();
  }
}

/**
 * The number of the domain that has a name, as its `name` node says.
 *
 * @throws {CommandError} when none has, or several have.
 */
async function findDomain(nodes: Operations, name: string): Promise<number> {
  const found: number[] = [];
  for (const domid of await nodes.directory("/local/domain")) {
    if (!/^\d+$/.test(domid)) continue;
    const other = await orNull(nodes.read(`${homePath(Number(domid))}/name`));
    if (other !== null && toText(other) === name) found.push(Number(domid));
  }
  const [domid, ...more] = found;
  if (domid === undefined) throw new CommandError("no domain has this name", name);
  if (more.length === 0) return domid;
  throw new CommandError(`domains ${found.join(", ")} have this name (give the number)`, name);
}
