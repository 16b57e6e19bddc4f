import { RECONNECT_DELAY_MS, RECONNECT_DELAY_MS_MAX, REQUEST_RETRIES_MAX } from "../limits.ts";
import type { Clock } from "../clock.ts";
import { formatDuration } from "../wire/duration.ts";
import type { Limits } from "./call.ts";
import { XenstoreError } from "./error.ts";
import type { Route } from "./route.ts";
import { Session } from "./session.ts";
import type { ByteStream } from "./stream.ts";
import { Waiters } from "./waiters.ts";

/** How a client comes back after its connection was lost. */
export interface ReconnectOptions {
  /** How often to try before the client gives up; without it, until it is closed. */
  readonly attempts?: number;
  /** Called when the connection is lost. */
  readonly onLost?: (error: XenstoreError) => void;
  /** Called when there is a new connection, on which all watches are registered. */
  readonly onReconnected?: () => void;
}

/** What wants to be told of every new session before others use it, such as a watch. */
export interface Resident {
  /** Moves in. A rejection is the resident's own affair, and ends nobody else. */
  moveTo(session: Session): Promise<void>;
  /** There will be no further session. */
  end(error: XenstoreError | null): void;
}

/** What a link is made of. */
export interface LinkParts {
  /** What it leads to, for errors: normally the socket's path. */
  readonly name: string;
  readonly clock: Clock;
  /** As {@link SessionOptions.timeout}; a request waits as long for a new connection. */
  readonly timeout: number | undefined;
  /** Opens another stream to the same daemon; null for a link that ends with its session. */
  readonly reopen: (() => Promise<ByteStream>) | null;
  readonly options: ReconnectOptions;
}

/** A client's way to the daemon: one session, or one after the other. */
export class Link implements Route {
  readonly txId = 0;
  readonly clock: Clock;
  readonly retries: number;
  readonly #parts: LinkParts;
  readonly #residents = new Set<Resident>();
  /** Null while there is no connection. */
  #session: Session | null = null;
  /** Why there will be no further session. */
  #ended: XenstoreError | null = null;
  #closed = false;
  /** Requests that wait for the next session. */
  readonly #waiting: Waiters<Session>;

  constructor(stream: ByteStream, parts: LinkParts) {
    this.#parts = parts;
    this.clock = parts.clock;
    this.retries = parts.reopen === null ? 0 : REQUEST_RETRIES_MAX;
    this.#waiting = new Waiters(parts.clock, (timeout) => {
      const detail = `there was no connection within ${formatDuration(timeout)}`;
      return new XenstoreError("ETIMEDOUT", "connection to", parts.name, detail);
    });
    this.#session = this.#begin(stream);
  }

  #begin(stream: ByteStream): Session {
    const { clock, name, timeout } = this.#parts;
    const session = new Session(stream, name, { timeout, clock });
    session.listen({ event: () => {}, end: (error) => this.#lose(session, error) });
    return session;
  }

  session(limits: Limits | undefined): Session | Promise<Session> {
    if (this.#session !== null) return this.#session;
    if (this.#ended !== null) {
      const { code, detail, operation, path } = this.#ended;
      return Promise.reject(new XenstoreError(code, operation, path, detail));
    }
    return this.#next(limits);
  }

  #next(limits: Limits | undefined): Promise<Session> {
    const { timeout } = this.#parts;
    if (limits?.until !== undefined || timeout === undefined) return this.#waiting.wait(limits);
    return this.#waiting.wait({ ...limits, timeout, until: this.clock.now() + timeout });
  }

  /** Tells a resident of each session to come. */
  add(resident: Resident): void {
    this.#residents.add(resident);
  }

  /** The opposite of {@link add}. */
  remove(resident: Resident): void {
    this.#residents.delete(resident);
  }

  /** A session has ended; null when it was closed on purpose. */
  #lose(session: Session, error: XenstoreError | null): void {
    // A session that ended while it was being set up is no loss of this link's.
    if (this.#session !== session) return;
    this.#session = null;
    if (error === null || this.#closed) return this.#end(error);
    if (this.#parts.reopen === null) return this.#end(error);
    this.#parts.options.onLost?.(error);
    void this.#reconnect(this.#parts.reopen, error);
  }

  async #reconnect(reopen: () => Promise<ByteStream>, lost: XenstoreError): Promise<void> {
    const { attempts = Infinity } = this.#parts.options;
    let last = lost;
    for (let attempt = 0; attempt < attempts; attempt++) {
      await this.#pause(attempt);
      if (this.#closed) return this.#end(null);
      try {
        const session = this.#begin(await reopen());
        if (this.#closed) session.close();
        // All are registered before others ask: what they then read, the watches know of.
        await Promise.all([...this.#residents].map((resident) => resident.moveTo(session)));
        if (!session.open) continue;
        return this.#resume(session);
      } catch (error) {
        if (!(error instanceof XenstoreError)) throw error;
        last = error;
      }
    }
    this.#end(this.#closed ? null : last);
  }

  /** The first attempt comes at once; then the pauses grow, and all clients of a daemon spread. */
  async #pause(attempt: number): Promise<void> {
    if (attempt === 0) return;
    const most = Math.min(RECONNECT_DELAY_MS_MAX, RECONNECT_DELAY_MS * 2 ** (attempt - 1));
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.clock.after(most * (1 + Math.random()) / 2, resolve);
    this.#wake = (): void => {
      timer.cancel();
      resolve();
    };
    await promise;
    this.#wake = null;
  }

  /** Ends a pause, for a link that is closed meanwhile. */
  #wake: (() => void) | null = null;

  #resume(session: Session): void {
    this.#session = session;
    this.#waiting.resolveAll(session);
    this.#parts.options.onReconnected?.();
  }

  #end(error: XenstoreError | null): void {
    if (this.#ended !== null) return;
    const { name } = this.#parts;
    this.#ended = error ??
      new XenstoreError("ECONNRESET", "session", name, "closed by this client");
    this.#waiting.rejectAll(this.#ended);
    for (const resident of [...this.#residents]) resident.end(error);
  }

  /** All watches end, as after RESET_WATCHES; the link goes on. */
  endResidents(): void {
    for (const resident of [...this.#residents]) resident.end(null);
  }

  /** Closes the connection, or gives up to get one. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#session?.close();
    this.#wake?.();
    this.#end(null);
  }
}
