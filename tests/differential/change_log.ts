/** Where sockets' relative paths lead. */
const HOME = "/local/domain/0/";

/** The absolute form of a path. */
export function absolute(path: string): string {
  return path.startsWith("/") || path.startsWith("@") ? path : HOME + path;
}

/** Which paths were changed at which step, by requests outside transactions and by commits. */
export class ChangeLog {
  readonly #changes: { readonly step: number; readonly path: string }[] = [];

  add(step: number, path: string): void {
    this.#changes.push({ step, path: absolute(path) });
  }

  /** Whether anything was changed behind `step`. */
  since(step: number): boolean {
    return (this.#changes.at(-1)?.step ?? -1) > step;
  }

  /** Whether a node on the way to `path`, it itself or one below was changed behind `step`. */
  touches(path: string, step: number): boolean {
    const wanted = absolute(path);
    for (let i = this.#changes.length - 1; i >= 0; i--) {
      const change = this.#changes[i];
      if (change === undefined || change.step <= step) return false;
      if (isWithin(change.path, wanted) || isWithin(wanted, change.path)) return true;
    }
    return false;
  }
}

/** The path of the node that `path` is a child of; the root's is the root. */
export function parentOf(path: string): string {
  const full = absolute(path);
  return full.slice(0, Math.max(1, full.lastIndexOf("/")));
}

/** Whether `path` is `above` or lies below it. */
function isWithin(path: string, above: string): boolean {
  return above === "/" || path === above || path.startsWith(`${above}/`);
}
