/**
 * Paths: `/` or `/name/name...`; names are of A-Z a-z 0-9 - _ @ (xenstore.txt, "Xenstore
 * overview"). A path beginning with `@` names a special. Checked once at the border; behind it
 * every path is canonical: absolute, or a special.
 */

/** The path of the root node. */
export const ROOT_PATH = "/";

/**
 * `/`, or names with single slashes between them and one or none before them; `\w` is
 * A-Z a-z 0-9 _. Matching is linear, since a slash never fits into a name.
 */
const WELL_FORMED = /^(?:\/?(?:[\w\-@]+\/)*[\w\-@]+|\/)$/;

/** Which bytes may stand in a name. */
const NAME_BYTES = Uint8Array.from(
  { length: 256 },
  (_, byte) => /[\w\-@]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

const SLASH = 0x2f;
const AT = 0x40;

/** Whether a canonical path names a special such as `@releaseDomain`. */
export function isSpecial(path: string): boolean {
  return path.charCodeAt(0) === AT;
}

/** Whether a byte may stand in a name. */
export function isNameByte(byte: number): boolean {
  return NAME_BYTES[byte] === 1;
}

/**
 * The canonical form of a path as a client wrote it, or null when it is malformed (the answer
 * is EINVAL). A relative path is put behind `home`; specials only pass where they are allowed.
 */
export function canonicalPath(text: string, home: string, specials: boolean): string | null {
  if (!WELL_FORMED.test(text)) return null;
  const first = text.charCodeAt(0);
  if (first === SLASH) return text;
  if (first === AT) return specials ? text : null;
  return `${home}/${text}`;
}

const DOMAIN_PREFIX = /^\/local\/domain\/[0-9]{1,5}\//;

/**
 * The length that the path-max quota bounds: of the part below a domain's home, so that every
 * domain has the same room whatever the length of its domid (XSA-323).
 */
export function quotaLength(path: string): number {
  const prefix = DOMAIN_PREFIX.exec(path);
  return prefix === null ? path.length : path.length - prefix[0].length;
}

/** The parent of a canonical path; the root is its own parent, and that of the specials. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? ROOT_PATH : path.slice(0, slash);
}

/** `path` extended by one name. */
export function childPath(path: string, name: string): string {
  return path === ROOT_PATH ? `/${name}` : `${path}/${name}`;
}
