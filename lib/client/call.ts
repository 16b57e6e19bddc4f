import type { Clock } from "../clock.ts";

/** What limits one call. */
export interface CallOptions {
  /**
   * Gives the call up: it rejects with the signal's reason. A change that was sent already may
   * still take effect.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long the call may take, in ms; without it, as long as the daemon takes. Then it rejects with
   * ETIMEDOUT, and the connection goes on.
   */
  readonly timeout?: number | undefined;
}

/** The limits of a call that has begun: all requests of one call share them. */
export interface Limits {
  readonly signal?: AbortSignal | undefined;
  /** In ms, for the error's text. */
  readonly timeout?: number | undefined;
  /** When the time is over, by the clock's {@link Clock.now}; without it, never. */
  readonly until?: number | undefined;
}

/** The limits of a call that begins now; undefined where there are none, as is usual. */
export function limitsOf(options: CallOptions, clock: Clock): Limits | undefined {
  const { signal, timeout } = options;
  if (timeout === undefined || timeout === Infinity) {
    return signal === undefined ? undefined : { signal };
  }
  return { signal, timeout, until: clock.now() + timeout };
}

/**
 * Calls `giveUp` once, when the signal is aborted or the time is over: with the signal's reason, or with
 * null. Returns what ends the waiting.
 */
export function watchLimits(
  { signal, until }: Limits,
  clock: Clock,
  giveUp: (reason: { readonly abort: unknown } | null) => void,
): () => void {
  const onAbort = (): void => {
    end();
    giveUp({ abort: signal!.reason });
  };
  const timer = until === undefined ? null : clock.after(Math.max(0, until - clock.now()), () => {
    end();
    giveUp(null);
  });
  const end = (): void => {
    timer?.cancel();
    signal?.removeEventListener("abort", onAbort);
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  return end;
}

/** Limits that both hold. */
export function bothLimits(a: Limits | undefined, b: Limits | undefined): Limits | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const signals = [a.signal, b.signal].filter((signal) => signal !== undefined);
  const signal = signals.length === 2 ? AbortSignal.any(signals) : signals[0];
  const first = (a.until ?? Infinity) <= (b.until ?? Infinity) ? a : b;
  return { signal, timeout: first.timeout, until: first.until };
}

/**
 * A stream that is being opened, unless the signal is aborted first: the stream is closed then.
 *
 * @throws the signal's reason.
 */
export async function unlessAborted<T extends { close(): void }>(
  opening: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return await opening;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([opening, aborted.promise]);
  } catch (error) {
    opening.then((stream) => stream.close(), () => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
