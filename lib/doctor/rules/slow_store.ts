/** Story: with `--persist disk` each turn is a sync of the disk: a disk that is slow, or full, makes all clients wait. */
import { DOCTOR_COMMIT_MS } from "../../limits.ts";
import type { Found, Rule } from "../evidence.ts";

export const slowStore: Rule = {
  name: "slow-store",
  *check(evidence): Generator<Found> {
    const { after, before } = evidence, { since, store: { path } } = after.status;
    const count = after.commits.count - before.commits.count;
    const ms = count === 0 ? 0 : (after.commits.sumMs - before.commits.sumMs) / count;
    if (path === null || ms < DOCTOR_COMMIT_MS) return;
    const text = `a commit takes ${Math.round(ms)} ms on average: the file system is slow or full`;
    // Commits that were slow on average since the daemon's start have been slow all the time.
    const isOld = after.commits.sumMs / after.commits.count >= DOCTOR_COMMIT_MS;
    yield {
      object: path,
      text,
      onset: isOld ? { kind: "seen", from: null, to: Date.parse(since) } : null,
      command: "df -h; xs serve --persist crash",
    };
  },
};
