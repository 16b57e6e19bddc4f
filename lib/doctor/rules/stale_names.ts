/**
 * Story: libvmi #280. `/local/domain/1/name`, left by a domain of an earlier boot, shadowed the living domain of that name:
 * a program that looked a domain up by its name got the dead one.
 */
import { escapeBytes } from "../../wire/escape.ts";
import { type Found, isGone, type Rule } from "../evidence.ts";

export const staleNames: Rule = {
  name: "stale-names",
  *check(evidence): Generator<Found> {
    const living = new Map<string, number>();
    const names = [...evidence.nodes.values()].flatMap(({ path, value }) => {
      const domid = /^\/local\/domain\/(\d{1,5})\/name$/.exec(path)?.[1];
      return domid === undefined ? [] : [{ path, value, domid: Number(domid) }];
    });
    for (const { domid, value } of names) if (!isGone(evidence, domid)) living.set(value, domid);
    for (const { domid, path, value } of names) {
      if (!isGone(evidence, domid)) continue;
      const shadowed = living.get(value);
      const also = shadowed === undefined
        ? ""
        : `; domain ${shadowed} has the same name, and is hidden by it`;
      yield {
        object: path,
        text: `names domain ${domid}, which is gone, '${escapeBytes(value)}'${also}`,
        onset: { kind: "left", domid, path },
        command: `xs rm ${path}`,
        fix: { kind: "remove", path, domid },
      };
    }
  },
};
