import { TRACE_CLIENTS_MAX } from "../../limits.ts";

/** Values by connection, of the newest connections only: a recording may name any number of them. */
export class ClientTable<T> {
  readonly #entries = new Map<number, T>();

  get(connection: number): T | undefined {
    return this.#entries.get(connection);
  }

  /** Sets a value; beyond {@link TRACE_CLIENTS_MAX} it forgets the oldest one. */
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

  /** Removes a value; returns whether there was one. */
  delete(connection: number): boolean {
    return this.#entries.delete(connection);
  }
}
