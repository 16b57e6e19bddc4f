/**
 * Story: `node-size` is the quota that is easily missed. The names of a node's children count for its size, so a guest that makes
 * many nodes in one directory is refused there, long before it has its 1,000 nodes.
 */
import { DOCTOR_QUOTA_PERCENT } from "../../limits.ts";
import { ownerOf } from "../../store/perms.ts";
import type { Found, Rule } from "../evidence.ts";
import { counted } from "../../wire/counted.ts";

/** What an entry of the permissions takes of a node's size. */
const ENTRY = 8;

export const largeNodes: Rule = {
  name: "large-nodes",
  *check({ after, nodes }): Generator<Found> {
    const limits = new Map(
      after.domains.map(({ domid, quotas }) => [domid, quotas["node-size"].limit]),
    );
    for (const { children, nameBytes, path, perms, valueBytes } of nodes.values()) {
      const limit = limits.get(ownerOf(perms)) ?? null;
      if (limit === null) continue;
      const size = valueBytes + nameBytes + ENTRY * perms.length;
      const percent = Math.floor(100 * size / limit);
      if (percent < DOCTOR_QUOTA_PERCENT) continue;
      yield {
        object: path,
        text:
          `about ${size} of ${limit} bytes by quota node-size (${percent} %), ${nameBytes} of them the names of ` +
          counted(children, "child"),
        command: `xs quota ${ownerOf(perms)} node-size=${2 * limit}`,
      };
    }
  },
};
