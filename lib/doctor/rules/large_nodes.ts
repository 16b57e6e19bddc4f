/**
 * Story: `node-size` is the quota that is easily missed. The names of a node's children count for its size, so a guest that makes
 * many nodes in one directory is refused there, long before it has its 1,000 nodes.
 */
import { DOCTOR_QUOTA_PERCENT } from "../../limits.ts";
import { ownerOf } from "../../store/perms.ts";
import { type Found, percentOf, PERMS_ENTRY, type Rule } from "../evidence.ts";
import { counted } from "../../wire/counted.ts";

export const largeNodes: Rule = {
  name: "large-nodes",
  *check({ after, nodes }): Generator<Found> {
    const limits = new Map(
      after.domains.map(({ domid, quotas }) => [domid, quotas["node-size"].limit]),
    );
    for (const { children, nameBytes, path, perms, valueBytes } of nodes.values()) {
      const domid = ownerOf(perms), limit = limits.get(domid) ?? null;
      if (limit === null) continue;
      const size = valueBytes + nameBytes + PERMS_ENTRY * perms.length;
      const percent = percentOf({ limit, used: size });
      if (percent < DOCTOR_QUOTA_PERCENT) continue;
      yield {
        object: path,
        text:
          `about ${size} of ${limit} bytes by quota node-size (${percent} %), ${nameBytes} of them the names of ` +
          counted(children, "child"),
        onset: { kind: "size", path, domid, limit, used: size },
        command: `xs quota ${domid} node-size=${2 * limit}`,
      };
    }
  },
};
