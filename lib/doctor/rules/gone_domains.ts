/**
 * Story: Qubes #5369. Backend directories of domains that were gone stayed behind, until their owner came to its
 * quota of 1,000 nodes and no device could be attached.
 */
import { type Found, isGone, ownerByPlace, type Rule } from "../evidence.ts";
import { counted } from "../../wire/counted.ts";

export const goneDomains: Rule = {
  name: "gone-domains",
  *check(evidence): Generator<Found> {
    for (const { children, path, valueBytes } of evidence.nodes.values()) {
      const domid = ownerByPlace(path);
      if (domid === null || !isGone(evidence, domid)) continue;
      // Empty ones have a rule of their own.
      if (children === 0 && valueBytes === 0) continue;
      yield {
        object: path,
        text: `${counted(children, "child")} left of domain ${domid}, which is gone`,
        onset: { kind: "left", domid, path },
        command: `xs rm ${path}`,
        fix: { kind: "remove", path, domid },
      };
    }
  },
};
