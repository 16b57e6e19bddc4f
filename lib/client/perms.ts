import { XenstoreError } from "./error.ts";

/** What a permission grants, as on the wire: none, read, write, or both. */
export type Access = "n" | "r" | "w" | "b";

/**
 * One entry of a node's permissions. In the first entry `domid` is the owner, who may do
 * everything, and `access` what all domains may that have no entry of their own.
 */
export interface Permission {
  /** The domain that has the permission; in the first entry, the owner. */
  readonly domid: number;
  /** What it may do. */
  readonly access: Access;
}

/**
 * Reads a permission's wire form, such as `r5`.
 *
 * @throws {XenstoreError} EINVAL when it is none.
 */
export function parsePermission(text: string): Permission {
  const match = /^([nrwb])(\d+)$/.exec(text);
  if (match === null) {
    throw new XenstoreError(
      "EINVAL",
      "permission",
      text,
      "a permission is one of the letters n, r, w, b and a domid, such as r5",
    );
  }
  return { access: match[1] as Access, domid: Number(match[2]) };
}

/**
 * Permissions as people write them: words such as `r5`, also several of them with commas between
 * and parentheses around, as `ls -p` prints them (`(n0,r5)`).
 *
 * @returns the wire forms; null when a word is no permission.
 */
export function splitPermissions(words: readonly string[]): string[] | null {
  const perms: string[] = [];
  for (const word of words) {
    const [, inner = word] = /^\((.*)\)$/.exec(word) ?? [];
    for (const perm of inner.split(",")) {
      if (!/^[nrwb]\d{1,5}$/.test(perm)) return null;
      perms.push(perm);
    }
  }
  return perms;
}

/** The wire form of a permission, such as `r5`. */
export function formatPermission(permission: Permission): string {
  return `${permission.access}${permission.domid}`;
}
