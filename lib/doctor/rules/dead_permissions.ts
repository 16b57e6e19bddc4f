/**
 * Story: XSA-322. A permission that names a domain which is gone would be its successor's. This daemon marks such entries and
 * lets them count for nothing; other daemons, to which a dump or a live update brings them, do not know that.
 */
import { isStale, permDomid } from "../../store/perms.ts";
import { type Found, isGone, type Rule } from "../evidence.ts";

export const deadPermissions: Rule = {
  name: "dead-permissions",
  *check(evidence): Generator<Found> {
    for (const { path, perms } of evidence.nodes.values()) {
      const dead = new Set(
        perms.slice(1).filter((entry) => isStale(entry) || isGone(evidence, permDomid(entry)))
          .map(permDomid),
      );
      for (const domid of dead) {
        if (!isGone(evidence, domid)) continue;
        yield {
          object: path,
          text: `an entry of its permissions names domain ${domid}, which is gone`,
          onset: { kind: "left", domid, path },
          command: `xs doctor --fix`,
          fix: { kind: "permissions", path, domid },
        };
      }
    }
  },
};
