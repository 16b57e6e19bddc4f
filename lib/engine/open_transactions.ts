/**
 * The open transactions of one connection, by their ids, in the order in which they started. Most clients have
 * one at most, and begin and end it again and again: that takes no table, which a Map makes again each time.
 */
export class OpenTransactions<Transaction extends { readonly id: number }> {
  #only: Transaction | null = null;
  /** All of them, once there were two. */
  #all: Map<number, Transaction> | null = null;

  get size(): number {
    return this.#all?.size ?? (this.#only === null ? 0 : 1);
  }

  get(id: number): Transaction | undefined {
    if (this.#all !== null) return this.#all.get(id);
    const only = this.#only;
    return only !== null && only.id === id ? only : undefined;
  }

  has(id: number): boolean {
    return this.get(id) !== undefined;
  }

  add(transaction: Transaction): void {
    const only = this.#only;
    if (this.#all !== null) this.#all.set(transaction.id, transaction);
    else if (only === null) this.#only = transaction;
    else {
      this.#all = new Map([[only.id, only], [transaction.id, transaction]]);
      this.#only = null;
    }
  }

  delete(id: number): void {
    if (this.#all !== null) this.#all.delete(id);
    else if (this.#only !== null && this.#only.id === id) this.#only = null;
  }

  values(): Iterable<Transaction> {
    return this.#all?.values() ?? (this.#only === null ? [] : [this.#only]);
  }
}
