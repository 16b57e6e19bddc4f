import { type Glob, type GlobState, MATCHED } from "./glob.ts";
import type { Trail } from "./trail.ts";

/**
 * Tells whether values are hidden at the paths of a trail. It looks only at the names that differ from the previous path, so
 * it serves one trail after another, each from its beginning.
 */
export class HiddenOnTrail {
  readonly #globs: readonly Glob[];
  /** How far each glob has come with the root, with the first name, and so on. */
  readonly #states: GlobState[];
  /** From so many names on all is hidden. */
  #hiddenFrom: number;

  /** `globs` are in small letters. */
  constructor(globs: readonly Glob[]) {
    this.#globs = globs;
    this.#states = globs.map(({ begin }) => begin);
    this.#hiddenFrom = this.#states.includes(MATCHED) ? 0 : Infinity;
  }

  /** Whether the value at the trail's path is hidden. Call it once for each path, in order. */
  hides(trail: Trail): boolean {
    if (trail.isSpecial) return false;
    const { depth, sharedDepth } = trail;
    if (this.#hiddenFrom <= sharedDepth) return true;
    this.#hiddenFrom = Infinity;
    for (let at = sharedDepth; at < depth; at++) {
      if (this.#stepTo(at + 1, trail.names[at]!.toLowerCase())) {
        this.#hiddenFrom = at + 1;
        return true;
      }
    }
    return false;
  }

  #stepTo(depth: number, name: string): boolean {
    const globs = this.#globs, states = this.#states, { length } = globs;
    let isHidden = false;
    for (let i = 0, at = depth * length; i < length; i++, at++) {
      const state = states[at] = globs[i]!.step(states[at - length]!, name);
      if (state === MATCHED) isHidden = true;
    }
    return isHidden;
  }
}
