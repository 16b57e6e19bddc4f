import type { XenstoreError } from "./error.ts";
import { fromByteText, type Operations } from "./operations.ts";
import type { EventSink } from "./session.ts";

interface Waiter {
  resolve(result: IteratorResult<string>): void;
  reject(error: XenstoreError): void;
}

/**
 * A watch: an async iterator over the paths that changed at or below the watched one. The first
 * comes at once and says only that the watch is set (xenstore.txt, WATCH). An event says that
 * something *may* have changed, so a path that is already waiting to be taken is not queued twice;
 * events of special nodes (`@releaseDomain`) are all delivered.
 *
 * Leaving the loop, or disposing, removes the watch.
 */
export class Watch implements AsyncIterableIterator<string>, AsyncDisposable {
  readonly #operations: Operations;
  readonly #path: string;
  readonly #token: string;
  /** What the session tells of events. @internal */
  readonly sink: EventSink;
  readonly #queued = new Set<string>();
  #specials: string[] = [];
  #waiters: Waiter[] = [];
  #error: XenstoreError | null = null;
  #ended = false;

  /** Made by {@link Client.watch}. @internal */
  constructor(operations: Operations, path: string, token: string) {
    this.#operations = operations;
    this.#path = path;
    this.#token = token;
    this.sink = {
      event: (path, token): void => {
        if (token === this.#token) this.#event(fromByteText(path));
      },
      end: (error): void => this.#end(error),
    };
    operations.session.listen(this.sink);
  }

  #event(path: string): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter.resolve({ done: false, value: path });
    else if (path.startsWith("@")) this.#specials.push(path);
    else this.#queued.add(path);
  }

  #end(error: XenstoreError | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#operations.session.unlisten(this.sink);
    for (const waiter of this.#waiters.splice(0)) {
      if (error !== null) waiter.reject(error);
      else waiter.resolve({ done: true, value: undefined });
    }
  }

  /** The next changed path. @throws {XenstoreError} when the connection was lost. */
  next(): Promise<IteratorResult<string>> {
    const special = this.#specials.shift();
    if (special !== undefined) return Promise.resolve({ done: false, value: special });
    for (const path of this.#queued) {
      this.#queued.delete(path);
      return Promise.resolve({ done: false, value: path });
    }
    if (this.#error !== null) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Ends the iteration and removes the watch: what leaving a `for await` loop calls. */
  async return(): Promise<IteratorResult<string>> {
    await this.unwatch();
    return { done: true, value: undefined };
  }

  /** Removes the watch; no event is delivered after this. Idempotent. */
  async unwatch(): Promise<void> {
    const needed = !this.#ended && this.#operations.session.open;
    this.#end(null);
    this.#queued.clear();
    this.#specials = [];
    if (needed) await this.#operations.unwatch(this.#path, this.#token);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unwatch();
  }
}
