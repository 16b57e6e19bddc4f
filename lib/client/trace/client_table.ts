import { TRACE_CLIENTS_MAX } from "../../limits.ts";

/** What is known of the newest connections, by their numbers: a recording may name any number of them. */
export class ClientTable<T> {
  readonly #entries = new Map<number, T>();

  get(connection: number): T | undefined {
    return this.#entries.get(connection);
  }

  /** Of more than {@link TRACE_CLIENTS_MAX} the one that was set first is forgotten. */
  set(connection: number, value: T): void {
    this.#entries.delete(connection);
    if (this.#entries.size >= TRACE_CLIENTS_MAX) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    this.#entries.set(connection, value);
  }

  /** Whether it was there. */
  delete(connection: number): boolean {
    return this.#entries.delete(connection);
  }
}
