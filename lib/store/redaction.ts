import { KNOWN_PATH_BYTES_MAX, KNOWN_PATHS_MAX } from "../limits.ts";
import { Glob } from "./glob.ts";
import { HiddenOnTrail } from "./hidden_on_trail.ts";
import { canonicalPath } from "./path.ts";

/**
 * Where secrets are kept by those whose store this is: their values stand in no log, trace, history or
 * recording, only how long they are. Capitals are as good as small letters, and what is below is hidden, too.
 */
export const REDACTED_PATHS: readonly string[] = [
  // XCP-ng's agents exchange clipboards there, and its daemons hide them (CA-136105).
  "/local/domain/*/data/set_clipboard",
  "/local/domain/*/data/report_clipboard",
  // libxl: `vncpasswd` of /vm/UUID and of vfb backends, `vnc-passwd`, SPICE's likewise.
  "/**/*passwd*",
  // Agents in guests, such as XenServer's, are told what to set by such names.
  "/**/*password*",
  "/**/*passphrase*",
  "/**/*secret*",
  // Keys that identify: Qubes and others hand them to a domain by its store.
  "/**/*private-key*",
  "/**/*private_key*",
];

/** Which paths' values must not be shown. */
export class Redaction {
  /** In small letters. */
  readonly #globs: readonly Glob[];
  /** A cache of recent paths and results, since the same paths come again and again. */
  readonly #paths: string[] = new Array<string>(KNOWN_PATHS_MAX).fill("");
  readonly #hidden = new Uint8Array(KNOWN_PATHS_MAX);

  /** `more` patterns besides {@link REDACTED_PATHS}, as {@link Glob} takes them. */
  constructor(more: readonly string[] = []) {
    this.#globs = [...REDACTED_PATHS, ...more].map((glob) => new Glob(glob.toLowerCase()));
  }

  /** Whether the value at an absolute path is hidden. */
  hides(path: string): boolean {
    if (path.length > KNOWN_PATH_BYTES_MAX) return this.#matches(path);
    const place = placeOf(path);
    if (this.#paths[place] !== path) {
      this.#hidden[place] = this.#matches(path) ? 1 : 0;
      this.#paths[place] = path;
    }
    return this.#hidden[place] === 1;
  }

  #matches(path: string): boolean {
    if (!path.startsWith("/")) return false;
    const small = path.toLowerCase();
    for (const glob of this.#globs) if (glob.matches(small)) return true;
    return false;
  }

  /** The same for one path after another. */
  onTrail(): HiddenOnTrail {
    return new HiddenOnTrail(this.#globs);
  }

  /**
   * The same for a path as a client of domain `domid` writes it: a relative one is below its home. Of an invalid
   * one nobody knows what it was meant for, so its value is hidden.
   */
  hidesFor(text: string, domid: number): boolean {
    const path = canonicalPath(text, `/local/domain/${domid}`, true);
    return path === null || this.hides(path);
  }
}

/** A path's place in the cache depends on so many of its last characters, since paths differ most there. */
const PLACE_CHARACTERS = 24;

/** The place of a path in the cache. */
function placeOf(path: string): number {
  let hash = path.length;
  for (let i = Math.max(0, path.length - PLACE_CHARACTERS); i < path.length; i++) {
    hash = Math.imul(hash, 31) + path.charCodeAt(i);
  }
  return (hash ^ hash >>> 15) & KNOWN_PATHS_MAX - 1;
}

/** Whether a text is what stands for a value. */
export function isHiddenValue(text: string): boolean {
  return /^<\d+ bytes hidden>$/.test(text);
}

/** What stands for a value of so many bytes. */
export function hiddenValue(bytes: number): string {
  return `<${bytes} bytes hidden>`;
}
