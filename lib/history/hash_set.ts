import { HASH_SET_PLACES_FIRST } from "../limits.ts";

/** Hashes, each once. It takes a twentieth of the memory of a `Set`, and none at all where it is used again. */
export class HashSet {
  /** A power of two of places, each with a hash, or 0 for none; less than half of them are taken. */
  #places = new Int32Array(HASH_SET_PLACES_FIRST);
  #size = 0;
  #hasZero = false;

  get size(): number {
    return this.#size + (this.#hasZero ? 1 : 0);
  }

  /** Adds a hash, of which 32 bits count. */
  add(hash: number): void {
    const key = hash | 0;
    if (key === 0) {
      this.#hasZero = true;
      return;
    }
    if (2 * this.#size >= this.#places.length) this.#grow();
    if (put(this.#places, key)) this.#size++;
  }

  /** Visits all, in the order of their places. */
  forEach(visit: (hash: number) => void): void {
    if (this.#hasZero) visit(0);
    const places = this.#places;
    for (let i = 0; i < places.length; i++) if (places[i] !== 0) visit(places[i]!);
  }

  /** Has none from now on, and keeps its memory. */
  clear(): void {
    if (this.#size > 0) this.#places.fill(0);
    this.#size = 0;
    this.#hasZero = false;
  }

  /** As {@link clear}, and gives up the memory by which it has grown. */
  dropSpare(): void {
    this.#places = new Int32Array(HASH_SET_PLACES_FIRST);
    this.#size = 0;
    this.#hasZero = false;
  }

  #grow(): void {
    const grown = new Int32Array(2 * this.#places.length);
    for (const key of this.#places) if (key !== 0) put(grown, key);
    this.#places = grown;
  }
}

/** Puts a hash into its place, if it is not there; returns whether it was not. */
function put(places: Int32Array, key: number): boolean {
  const last = places.length - 1;
  let at = (key ^ key >>> 16) & last;
  for (; places[at] !== 0; at = at + 1 & last) if (places[at] === key) return false;
  places[at] = key;
  return true;
}
