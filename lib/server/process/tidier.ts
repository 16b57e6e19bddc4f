import type { Clock } from "../../clock.ts";
import { libc } from "../../../ffi/libc.ts";
import { TIDY_APART_MS, TIDY_BYTES, TIDY_IDLE_MS } from "../../limits.ts";

/**
 * Gives memory back to the host when much of it is free and nobody asks for anything: V8 collects
 * only when something is allocated, so a daemon at rest would keep what guests had that are gone.
 */
export class Tidier {
  readonly #collect: () => void;
  #costMax = 0;
  #turns = -1;
  #idleSince = 0;
  #tidied = -Infinity;

  constructor(clock: Clock, collect: () => void = () => collectAll(clock)) {
    this.#collect = collect;
  }

  /** `cost` is what is charged for now, `turns` counts the turns so far; `now` is in ms. */
  look(now: number, cost: number, turns: number): void {
    this.#costMax = Math.max(this.#costMax, cost);
    if (turns !== this.#turns) {
      this.#turns = turns;
      this.#idleSince = now;
      return;
    }
    const isDue = this.#costMax - cost >= TIDY_BYTES && now - this.#tidied >= TIDY_APART_MS;
    if (!isDue || now - this.#idleSince < TIDY_IDLE_MS) return;
    this.#tidied = now;
    this.#costMax = cost;
    this.#collect();
  }
}

/** The runtime's `process`, as far as it is of use here; an import of it takes 10 ms of each start. */
interface NodeProcess {
  getBuiltinModule(name: "node:v8"): { setFlagsFromString(flags: string): void };
  getBuiltinModule(name: "node:vm"): { runInNewContext(code: string): unknown };
}

const TRIM_MS = 500;

function collectAll(clock: Clock): void {
  const { process } = globalThis as { readonly process?: NodeProcess };
  process?.getBuiltinModule("node:v8").setFlagsFromString("--expose-gc");
  const gc = process?.getBuiltinModule("node:vm").runInNewContext("gc");
  if (typeof gc === "function") gc();
  // Values are freed on another thread, behind the collection.
  clock.after(TRIM_MS, () => libc.allocator().malloc_trim(0n)).unref();
}
