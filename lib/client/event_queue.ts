/** What an event says besides when it came. */
export interface QueuedEvent {
  readonly path: string;
  readonly token: string;
}

/**
 * Events that wait, in order, about `most` of them. Beyond that, one that waits stands for the next ones of its path, and one of
 * the watched node for those of other paths. An event says that something may have changed, so the client misses none.
 */
export class EventQueue<E extends QueuedEvent> {
  readonly #most: number;
  #events: (E | undefined)[] = [];
  /** Where the first one is. */
  #first = 0;
  /** How many of each path and token wait. */
  readonly #waiting = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  get length(): number {
    return this.#events.length - this.#first;
  }

  /** Adds an event; `atNode` makes the event of the watched node that can stand for it. */
  push(event: E, atNode: (event: E) => E): void {
    if (this.length < this.#most) return this.#add(event);
    if (this.#waiting.has(keyOf(event))) return;
    this.#mergeRepeated();
    if (this.length < this.#most) return this.#add(event);
    const instead = atNode(event);
    if (!this.#waiting.has(keyOf(instead))) this.#add(instead);
  }

  #add(event: E): void {
    const key = keyOf(event);
    this.#events.push(event);
    this.#waiting.set(key, (this.#waiting.get(key) ?? 0) + 1);
  }

  /** Leaves one event of each path and token, the first. */
  #mergeRepeated(): void {
    if (this.#waiting.size === this.length) return;
    const events = this.#events.slice(this.#first);
    this.#events = [];
    this.#first = 0;
    this.#waiting.clear();
    for (const event of events) {
      if (event !== undefined && !this.#waiting.has(keyOf(event))) this.#add(event);
    }
  }

  /** Takes the first event; undefined for none. */
  shift(): E | undefined {
    const event = this.#events[this.#first];
    if (event === undefined) return undefined;
    this.#events[this.#first++] = undefined;
    if (this.#first > this.#most) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
    const key = keyOf(event), left = this.#waiting.get(key)! - 1;
    if (left > 0) this.#waiting.set(key, left);
    else this.#waiting.delete(key);
    return event;
  }
}

function keyOf({ path, token }: QueuedEvent): string {
  return `${path}\0${token}`;
}
