import { toText } from "../wire/text.ts";
import { XenstoreError } from "./error.ts";
import { type Expression, holds, pathsOf } from "./expression.ts";
import type { Operations } from "./operations.ts";
import { inTransaction } from "./transaction.ts";

/**
 * Waits until an expression holds. Nothing is polled: the values are read again whenever a watch
 * on one of the paths fires.
 *
 * @param timeout in milliseconds; null means for ever.
 * @returns whether it held; false means that the time was up.
 * @throws {XenstoreError} when a path cannot be watched or read, or the connection is lost.
 */
export async function waitFor(
  nodes: Operations,
  expression: Expression,
  timeout: number | null,
): Promise<boolean> {
  const paths = [...pathsOf(expression)];
  const news = new Alarm();
  const sink = {
    event: (): void => news.ring(),
    end: (error: XenstoreError | null): void => news.fail(error),
  };
  const timer = timeout === null ? null : nodes.session.clock.after(timeout, () => news.expire());
  nodes.session.listen(sink);
  const tokens = paths.map((path, i) => [path, `wait-${i}`] as const);
  try {
    await Promise.all(tokens.map(([path, token]) => nodes.watch(path, token)));
    for (;;) {
      const last = news.expired;
      if (holds(expression, await readAll(nodes, paths))) return true;
      if (last || !await news.next()) return false;
    }
  } finally {
    timer?.cancel();
    nodes.session.unlisten(sink);
    const ended = tokens.map(([path, token]) => nodes.unwatch(path, token));
    // A watch that was never set, or went with the connection, needs no removal.
    await Promise.allSettled(ended);
  }
}

/** The values of nodes, all of the same moment; those that are missing are left out. */
export async function readAll(
  nodes: Operations,
  paths: readonly string[],
): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  const read = async (inside: Operations): Promise<void> => {
    values.clear();
    const found = await Promise.all(paths.map((path) => readIfThere(inside, path)));
    found.forEach((value, i) => value === null || values.set(paths[i]!, value));
  };
  if (paths.length > 1 && nodes.txId === 0) await inTransaction(nodes, read);
  else await read(nodes);
  return values;
}

async function readIfThere(nodes: Operations, path: string): Promise<string | null> {
  try {
    return toText(await nodes.read(path));
  } catch (error) {
    if (error instanceof XenstoreError && error.code === "ENOENT") return null;
    throw error;
  }
}

/** Wakes one waiter: for news that came while it was busy, once. */
class Alarm {
  #rung = false;
  expired = false;
  #error: XenstoreError | null = null;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  expire(): void {
    this.expired = true;
    this.#wake?.();
  }

  fail(error: XenstoreError | null): void {
    this.#error = error;
    this.ring();
  }

  /** Waits for news; false when the time is up. */
  async next(): Promise<boolean> {
    if (!this.#rung && !this.expired) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = null;
    }
    if (this.#error !== null) throw this.#error;
    const news = this.#rung;
    this.#rung = false;
    return news;
  }
}
