import { Random } from "./random.ts";

/** Seeded choices of the kinds that a stream of requests is made of. */
export class StreamRandom extends Random {
  /** True `percent` times in a hundred. */
  percent(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** One of `choices`, as often as its weight says: pairs of weight and choice. */
  weighted<T>(choices: readonly (readonly [number, T])[]): T {
    let rest = this.below(choices.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, choice] of choices) {
      if (rest < weight) return choice;
      rest -= weight;
    }
    throw new RangeError("weighted: the weights must be positive");
  }

  /** `length` random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.below(256);
    return bytes;
  }
}

/**
 * The whole number in an environment variable, or `fallback` when it is not set.
 * @throws {Error} when it holds anything else
 */
export function numberFrom(variable: string, fallback: number): number {
  const text = Deno.env.get(variable);
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value)) throw new Error(`${variable}=${text}: must be a whole number`);
  return value;
}
