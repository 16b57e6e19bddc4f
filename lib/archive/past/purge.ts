/** Takes paths out of a history for good: of a daemon, or in its file where there is none. */
import { JOB_LOOK_FIRST_MS, JOB_LOOK_MAX_MS } from "../../limits.ts";
import { sleep } from "../../clock.ts";
import type { Operations } from "../../client/operations.ts";
import { PAYLOAD_MAX } from "../../wire/header.ts";
import { ArchiveError, NoHistoryError } from "../archive.ts";
import { TakenOverError } from "../remote_job.ts";
import { historyControl } from "./ask_daemon.ts";

/**
 * Has a daemon do it, and waits until it has; returns how many values it has hidden.
 *
 * @throws {ArchiveError} when it cannot; {@link TakenOverError} when another daemon has its place.
 */
export async function purgeDaemon(nodes: Operations, paths: readonly string[]): Promise<number> {
  // Each is ASCII, and has a NUL behind it.
  const bytes = paths.reduce((sum, path) => sum + path.length + 1, 0);
  if (bytes > PAYLOAD_MAX / 2) throw new ArchiveError("too many or too long paths");
  const reply = await historyControl(nodes, "purge", ...paths);
  // oxenstored says OK to whatever it is told.
  if (reply === null || reply === "OK") {
    throw new NoHistoryError("the daemon cannot purge a history (use the xs that belongs to it)");
  }
  if (reply === "off") throw new NoHistoryError("the daemon keeps no history (--history off)");
  const [, number] = /^purge (\d+)$/.exec(reply) ?? [];
  if (number === undefined) throw new ArchiveError(reply);
  for (let wait = JOB_LOOK_FIRST_MS;; wait = Math.min(2 * wait, JOB_LOOK_MAX_MS)) {
    const status = await historyControl(nodes, "purged", number);
    if (status === null) throw new TakenOverError();
    const [, count] = /^done (\d+)$/.exec(status) ?? [];
    if (count !== undefined) return Number(count);
    const [, why] = /^failed (.*)$/s.exec(status) ?? [];
    if (why !== undefined) throw new ArchiveError(why);
    await sleep(nodes.session.clock, wait);
  }
}
