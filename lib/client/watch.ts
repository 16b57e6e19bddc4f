import { WATCH_QUEUED_MAX } from "../limits.ts";
import { formatDuration } from "../wire/duration.ts";
import { type CallOptions, limitsOf } from "./call.ts";
import { traceCaller, XenstoreError } from "./error.ts";
import type { Link, Resident } from "./link.ts";
import { fromByteText, Operations, toByteText } from "./operations.ts";
import type { Session } from "./session.ts";
import { Waiters } from "./waiters.ts";

/** What {@link Client.watch} takes. */
export interface WatchOptions extends CallOptions {
  /** Ends the registration and, later, the iteration: both reject with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long the registration may take, in ms; without it, as long as the daemon takes. */
  readonly timeout?: number | undefined;
  /** How long the iteration waits for each event, in ms, before it rejects with ETIMEDOUT. */
  readonly eventTimeout?: number;
  /** How many levels below the node count; 0 is the node alone. Without it, all. */
  readonly depth?: number;
  /** Whether each event has the value that its node has when the event is taken. */
  readonly values?: boolean;
}

/** Something at or below a watched node may have changed. */
export interface WatchEvent {
  /** The node that changed, or a special node such as `@releaseDomain`. */
  readonly path: string;
  /** The name of the watch on the wire: two watches of one client have different ones. */
  readonly token: string;
  /**
   * With {@link WatchOptions.values}, the node's value when the event was taken: null when there is no
   * such node, or it cannot be read. Without that option there is no value.
   */
  readonly value?: Uint8Array | null;
}

/** What makes up a watch. */
export interface WatchParts {
  readonly link: Link;
  /** One character a byte. */
  readonly path: string;
  readonly token: string;
  readonly options: WatchOptions;
}

/**
 * A watch: an async iterator over the events at or below a node. The first event comes at once and says
 * only that the watch is set (xenstore.txt, WATCH); after a reconnect another one does. An event says
 * that something *may* have changed, so a path that is already waiting to be taken is not queued twice;
 * events of special nodes (`@releaseDomain`) are all delivered. When more than {@link WATCH_QUEUED_MAX}
 * events wait, one of the watched node stands for all: guests may make events faster than the program takes them.
 *
 * Leaving the loop, or disposing, removes the watch.
 */
export class Watch implements AsyncIterableIterator<WatchEvent>, AsyncDisposable {
  readonly #parts: WatchParts;
  readonly #resident: Resident;
  /** The session on which the watch is set. */
  #session: Session | null = null;
  #leave: () => void = () => {};
  readonly #queued = new Set<string>();
  #specials: string[] = [];
  readonly #waiters: Waiters<string | null>;
  #error: unknown = null;
  #ended = false;
  readonly #onAbort = (): void => {
    const { signal } = this.#parts.options;
    void this.#remove().catch(() => {});
    this.#end({ error: signal!.reason });
  };

  /**
   * Made by {@link Client.watch}.
   *
   * @internal
   */
  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#waiters = new Waiters(parts.link.clock, (timeout) => {
      const detail = `no event came within ${formatDuration(timeout)}`;
      return new XenstoreError("ETIMEDOUT", "watch", fromByteText(parts.path), detail);
    });
    this.#resident = {
      moveTo: (session) => this.#moveTo(session),
      end: (error) => this.#end(error === null ? null : { error }),
    };
  }

  /**
   * Sets the watch, here and on each session to come.
   *
   * @internal
   */
  async register(nodes: Operations): Promise<void> {
    const { link, options, path, token } = this.#parts;
    this.#attach(nodes.session);
    link.add(this.#resident);
    try {
      await nodes.watch(path, token, options.depth);
      options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    } catch (error) {
      this.#end(null);
      throw error;
    }
  }

  #attach(session: Session): void {
    const sink = {
      event: (path: string, token: string): void => {
        if (token === this.#parts.token) this.#event(fromByteText(path));
      },
      // The link tells whether there is another session.
      end: (): void => {},
    };
    this.#leave();
    this.#session = session;
    this.#leave = (): void => session.unlisten(sink);
    session.listen(sink);
  }

  async #moveTo(session: Session): Promise<void> {
    const { options, path, token } = this.#parts;
    this.#attach(session);
    try {
      await new Operations(session).watch(path, token, options.depth);
    } catch (error) {
      // A daemon that went away again is met by the next attempt; one that refuses ends this watch.
      if (session.open) this.#end({ error });
    }
  }

  #event(path: string): void {
    if (this.#waiters.resolveFirst(path)) return;
    if (path.startsWith("@")) this.#queueSpecial(path);
    else this.#queue(path);
  }

  #queue(path: string): void {
    this.#queued.add(path);
    if (this.#queued.size <= WATCH_QUEUED_MAX) return;
    this.#queued.clear();
    this.#queued.add(fromByteText(this.#parts.path));
  }

  /** With a full queue, a special event that already waits stands for the next ones of its path. */
  #queueSpecial(path: string): void {
    const isFull = this.#specials.length >= WATCH_QUEUED_MAX;
    if (!isFull || !this.#specials.includes(path)) this.#specials.push(path);
  }

  #end(failure: { readonly error: unknown } | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = failure?.error ?? null;
    this.#leave();
    this.#parts.link.remove(this.#resident);
    this.#parts.options.signal?.removeEventListener("abort", this.#onAbort);
    if (failure !== null) this.#waiters.rejectAll(failure.error);
    else this.#waiters.resolveAll(null);
  }

  /**
   * The next event.
   *
   * @throws {XenstoreError} when the connection was lost; ETIMEDOUT when no event came in time, after
   *   which the iteration can go on.
   */
  async next(options: CallOptions = {}): Promise<IteratorResult<WatchEvent>> {
    const { eventTimeout, values } = this.#parts.options;
    const { signal, timeout = eventTimeout } = options;
    try {
      const path = this.#queuedPath() ?? await this.#wait({ signal, timeout });
      if (path === null) return { done: true, value: undefined };
      const { token } = this.#parts;
      if (values !== true) return { done: false, value: { path, token } };
      return { done: false, value: { path, token, value: await this.#valueOf(path) } };
    } catch (error) {
      traceCaller(error, this.next);
      throw error;
    }
  }

  #queuedPath(): string | undefined {
    const special = this.#specials.shift();
    if (special !== undefined) return special;
    for (const path of this.#queued) {
      this.#queued.delete(path);
      return path;
    }
    return undefined;
  }

  #wait(options: CallOptions): Promise<string | null> {
    if (this.#error !== null) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(null);
    return this.#waiters.wait(limitsOf(options, this.#parts.link.clock));
  }

  async #valueOf(path: string): Promise<Uint8Array | null> {
    if (path.startsWith("@")) return null;
    const { link } = this.#parts;
    for (let attempt = 0;; attempt++) {
      const session = await link.session(undefined);
      try {
        return await new Operations(session).read(toByteText(path));
      } catch (error) {
        if (session.open && error instanceof XenstoreError) return null;
        if (attempt === link.retries) throw error;
      }
    }
  }

  /** Ends the iteration and removes the watch: what leaving a `for await` loop calls. */
  async return(): Promise<IteratorResult<WatchEvent>> {
    await this.unwatch();
    return { done: true, value: undefined };
  }

  /** Removes the watch; no event is delivered after this. Idempotent. */
  async unwatch(): Promise<void> {
    const removed = this.#remove();
    this.#end(null);
    this.#queued.clear();
    this.#specials = [];
    await removed;
  }

  async #remove(): Promise<void> {
    if (this.#ended || this.#session?.open !== true) return;
    await new Operations(this.#session).unwatch(this.#parts.path, this.#parts.token);
  }

  /** The watch itself: it is its own iterator. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** As {@link Watch.unwatch}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.unwatch();
  }
}
