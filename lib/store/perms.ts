/**
 * Permissions: a list of entries of which the first names the owner and, by its letter, the
 * rights of everybody without an entry (xenstore.txt, "Permissions"). An entry is packed into
 * one number, so that lists compare, copy and persist cheaply; lists are never changed in place.
 */
export type Perms = readonly number[];

export const READ = 1;
export const WRITE = 2;
/** Not part of an entry: what the owner has besides (changing permissions). */
export const OWNER = 4;

/** "Every domain" in place of a domid (xen.h, `DOMID_ANY`). */
export const DOMID_ANY = 32757;
/** The caller's own domain (xen.h, `DOMID_SELF`). */
export const DOMID_SELF = 32752;
/** Domids from here on are reserved (xen.h, `DOMID_FIRST_RESERVED`). */
export const DOMID_FIRST_RESERVED = 32752;
export const DOMID_MAX = 65535;

const MASK_SHIFT = 16;
const STALE = 1 << 18;
const LETTERS = "nrwb";

/** Packs an entry; `mask` is a sum of {@link READ} and {@link WRITE}. */
export function permEntry(domid: number, mask: number): number {
  return domid | mask << MASK_SHIFT;
}

export function permDomid(entry: number): number {
  return entry & 0xffff;
}

export function permMask(entry: number): number {
  return entry >> MASK_SHIFT & 3;
}

/** A stale entry was written before the present holder of its domid existed (XSA-322, XSA-417). */
export function isStale(entry: number): boolean {
  return (entry & STALE) !== 0;
}

export function asStale(entry: number): number {
  return entry | STALE;
}

/** The domid that owns a node with these permissions. */
export function ownerOf(perms: Perms): number {
  return permDomid(perms[0]!);
}

/** These permissions with another owner's domid, the letter kept. */
export function withOwner(perms: Perms, domid: number): Perms {
  if (ownerOf(perms) === domid) return perms;
  return [permEntry(domid, permMask(perms[0]!)), ...perms.slice(1)];
}

export function equalPerms(a: Perms, b: Perms): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const SPECIFICATION = /^([nrwb])[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+)$/;

/**
 * One entry from its text form: a letter and a domid, decimal, 0x hexadecimal or 0 octal.
 * Null when it is anything else.
 */
export function parsePerm(text: string): number | null {
  const match = SPECIFICATION.exec(text);
  if (match === null) return null;
  const domid = parseNumber(match[3]!) * (match[2] === "-" ? -1 : 1);
  if (!(domid >= 0 && domid <= DOMID_MAX)) return null;
  return permEntry(domid, LETTERS.indexOf(match[1]!));
}

/** A C base-0 number; NaN for an octal one with an 8 or 9. */
function parseNumber(text: string): number {
  if (/^0[xX]/.test(text)) return Number(text);
  if (text.length > 1 && text[0] === "0") return /[89]/.test(text) ? NaN : parseInt(text, 8);
  return Number(text);
}

/** The text form of one entry; staleness does not show. */
export function formatPerm(entry: number): string {
  return `${LETTERS[permMask(entry)]}${permDomid(entry)}`;
}

/** The text form of a list, as people write it: `n0,r1`. */
export function formatPerms(perms: Perms): string {
  return perms.map(formatPerm).join(",");
}

/** The text form of each entry, the stale ones marked: they say something, but grant nothing. */
export function markedPerms(perms: Perms): string[] {
  return perms.map((entry) => `${formatPerm(entry)}${isStale(entry) ? " stale" : ""}`);
}

/** Entries as JSON has them, and the positions of those that are stale, if any. */
export function permsJson(perms: Perms): { perms: string[]; stale?: number[] } {
  const stale = perms.flatMap((entry, i) => isStale(entry) ? [i] : []);
  return { perms: perms.map(formatPerm), ...(stale.length === 0 ? {} : { stale }) };
}
