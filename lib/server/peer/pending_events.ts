import { EVENTS_COMPARED_MAX } from "../../limits.ts";

/**
 * The watch events queued on one connection and not wholly sent, to tell repetitions: a few are
 * compared one by one, many are kept in a set, so that a check always costs the same.
 */
export class PendingEvents {
  readonly #paths: string[] = [];
  readonly #tokens: string[] = [];
  /** Where each event ends, counted in all bytes ever queued. */
  readonly #ends: number[] = [];
  #head = 0;
  #keys: Set<string> | null = null;

  /** How many events are pending. */
  get size(): number {
    return this.#ends.length - this.#head;
  }

  /** Whether the same path and token are pending already. */
  has(path: string, token: string): boolean {
    if (this.#keys !== null) return this.#keys.has(`${path}\0${token}`);
    for (let i = this.#head; i < this.#ends.length; i++) {
      if (this.#paths[i] === path && this.#tokens[i] === token) return true;
    }
    return false;
  }

  /** Adds an event that is not there yet and whose last byte is the `end`th of all queued. */
  add(path: string, token: string, end: number): void {
    this.#paths.push(path);
    this.#tokens.push(token);
    this.#ends.push(end);
    if (this.#keys !== null) this.#keys.add(`${path}\0${token}`);
    else if (this.size > EVENTS_COMPARED_MAX) this.#keys = this.#allKeys();
  }

  #allKeys(): Set<string> {
    const keys = new Set<string>();
    for (let i = this.#head; i < this.#ends.length; i++) {
      keys.add(`${this.#paths[i]}\0${this.#tokens[i]}`);
    }
    return keys;
  }

  /** Forgets the events that lie wholly within the first `sent` bytes. */
  sentUpTo(sent: number): void {
    const length = this.#ends.length;
    if (length === 0) return;
    while (this.#head < length && this.#ends[this.#head]! <= sent) {
      this.#keys?.delete(`${this.#paths[this.#head]}\0${this.#tokens[this.#head]}`);
      this.#head++;
    }
    if (this.#head === length) this.clear();
    else if (this.#head * 2 > length) this.#compact();
  }

  #compact(): void {
    this.#paths.splice(0, this.#head);
    this.#tokens.splice(0, this.#head);
    this.#ends.splice(0, this.#head);
    this.#head = 0;
  }

  /** The queue was cut and moved: forgets the events that are not there any more. */
  move(move: (end: number) => number): void {
    const paths = this.#paths.slice(this.#head);
    const tokens = this.#tokens.slice(this.#head);
    const ends = this.#ends.slice(this.#head);
    this.clear();
    for (const [i, end] of ends.entries()) {
      const moved = move(end);
      if (moved >= 0) this.add(paths[i]!, tokens[i]!, moved);
    }
  }

  /** Forgets all events. */
  clear(): void {
    this.#paths.length = 0;
    this.#tokens.length = 0;
    this.#ends.length = 0;
    this.#head = 0;
    this.#keys = null;
  }
}
