import { isMissing, XenstoreError } from "../client/error.ts";
import type { Operations } from "../client/operations.ts";
import { DOCTOR_TRIES_MAX } from "../limits.ts";
import { hostOf } from "./collect.ts";
import type { Fix } from "./evidence.ts";

/** What became of a fix. */
export type FixResult = "done" | "not so any more";

/**
 * Does what fixes a finding, in one transaction: it looks again at the evidence, and at the hypervisor's list, and
 * changes nothing unless both are as they were. What others change meanwhile makes it begin again.
 *
 * @throws {XenstoreError} EAGAIN when others change it each time.
 */
export async function applyFix(nodes: Operations, fix: Fix): Promise<FixResult> {
  for (let tries = 1;; tries++) {
    const inside = await nodes.begin();
    let isOpen = true;
    try {
      const result = await change(nodes, inside, fix);
      isOpen = false;
      await inside.end(result === "done");
      return result;
    } catch (error) {
      if (isOpen) await inside.end(false).catch(() => {});
      const isMet = error instanceof XenstoreError && error.code === "EAGAIN";
      if (!isMet || tries >= DOCTOR_TRIES_MAX) throw error;
    }
  }
}

/** `outside` is not in the transaction: of the hypervisor it asks what is so now. */
async function change(outside: Operations, inside: Operations, fix: Fix): Promise<FixResult> {
  const { domid, kind, path } = fix;
  try {
    // Reads first: what they see is what the transaction stands on.
    const perms = await inside.getPerms(path);
    const names = await inside.directory(path);
    const value = await inside.read(path);
    const isEmpty = names.length === 0 && value.length === 0;
    if (kind === "remove empty" && !isEmpty) return "not so any more";
    const host = (await hostOf(outside, [domid])).get(domid);
    if (host === undefined || host.alive) return "not so any more";
    if (kind !== "permissions") {
      await inside.rm(path);
      return "done";
    }
    const [owner, ...entries] = perms;
    const left = entries.filter((entry) => Number(entry.slice(1)) !== domid);
    if (left.length === entries.length) return "not so any more";
    await inside.setPerms(path, [owner!, ...left]);
    return "done";
  } catch (error) {
    if (isMissing(error)) return "not so any more";
    throw error;
  }
}
