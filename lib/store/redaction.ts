import { Glob } from "./glob.ts";
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

  /** `more` patterns besides {@link REDACTED_PATHS}, as {@link Glob} takes them. */
  constructor(more: readonly string[] = []) {
    this.#globs = [...REDACTED_PATHS, ...more].map((glob) => new Glob(glob.toLowerCase()));
  }

  /** Whether the value at an absolute path is hidden. */
  hides(path: string): boolean {
    if (!path.startsWith("/")) return false;
    const small = path.toLowerCase();
    for (const glob of this.#globs) if (glob.matches(small)) return true;
    return false;
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

/** Whether a text is what stands for a value. */
export function isHiddenValue(text: string): boolean {
  return /^<\d+ bytes hidden>$/.test(text);
}

/** What stands for a value of so many bytes. */
export function hiddenValue(bytes: number): string {
  return `<${bytes} bytes hidden>`;
}
