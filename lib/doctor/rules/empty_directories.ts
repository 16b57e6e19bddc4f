/**
 * Story: Qubes #1390. Each start of a domain left an empty directory for its vchan in another domain's home; after
 * months the names filled that node up to `node-size`, and no domain could start (E2BIG).
 */
import { type Found, isGone, ownerByPlace, type Rule } from "../evidence.ts";

export const emptyDirectories: Rule = {
  name: "empty-directories",
  *check(evidence): Generator<Found> {
    for (const { children, path, valueBytes } of evidence.nodes.values()) {
      const domid = ownerByPlace(path);
      if (domid === null || children > 0 || valueBytes > 0 || !isGone(evidence, domid)) continue;
      yield {
        object: path,
        text: `an empty directory of domain ${domid}, which is gone`,
        onset: { kind: "left", domid, path },
        command: `xs rm ${path}`,
        fix: { kind: "remove empty", path, domid },
      };
    }
  },
};
