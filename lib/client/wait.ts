import { WAITING_TIMEOUT_MS } from "../limits.ts";
import { toText } from "../wire/text.ts";
import { formatDuration } from "../wire/duration.ts";
import type { CallOptions } from "./call.ts";
import type { Client } from "./client.ts";
import { orNull, XenstoreError } from "./error.ts";
import { type Expression, holds, parseExpression, pathsOf } from "./expression.ts";
import { call } from "./nodes.ts";
import { Operations, toByteText } from "./operations.ts";
import { WordError } from "./words.ts";
import { inTransaction } from "./transaction.ts";

/** Tokens of the watches of all that wait here: two may wait for the same node on one connection. */
let tokenLast = 0;

/**
 * Waits until a condition on nodes holds. Nothing is polled: the values are read again whenever a watch
 * on one of the paths fires. The condition has the grammar of `xs wait`.
 *
 * @example Wait until a domain is ready
 * ```ts
 * import { Client, EmbeddedServer, wait } from "@xenstore/xs";
 *
 * await using server = await EmbeddedServer.start();
 * await using client = await Client.connect({ socket: server.socketPath });
 * const ready = wait(client, "/vm/7/state = running and not /vm/7/stop", { timeout: 5_000 });
 * await client.write("/vm/7/state", "running");
 * await ready;
 * ```
 *
 * @throws {XenstoreError} ETIMEDOUT when the condition did not hold in time; EINVAL for a condition that
 *   cannot be read; EACCES for a node that cannot be watched or read; ECONNRESET.
 */
export async function wait(
  client: Client,
  condition: string,
  options: CallOptions = {},
): Promise<void> {
  const expression = readCondition(condition);
  await call(client, options, async ({ limits, session, txId }) => {
    const { signal, timeout, until } = limits ?? {};
    const left = until === undefined ? null : Math.max(0, until - session.clock.now());
    // The last look, when the time is over, is a request too: the daemon has some time to answer it.
    const more = until === undefined ? {} : {
      timeout: timeout! + WAITING_TIMEOUT_MS,
      until: until + WAITING_TIMEOUT_MS,
    };
    const nodes = new Operations(session, txId, { signal, ...more });
    if (await waitFor(nodes, expression, left)) return;
    const detail = `the condition did not hold within ${formatDuration(timeout!)}`;
    throw new XenstoreError("ETIMEDOUT", "wait", condition, detail);
  });
}

function readCondition(condition: string): Expression {
  try {
    return parseExpression(toByteText(condition));
  } catch (error) {
    if (!(error instanceof WordError)) throw error;
    throw new XenstoreError("EINVAL", "wait", condition, error.message);
  }
}

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
  const signal = nodes.limits?.signal;
  const onAbort = (): void => news.fail(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  nodes.session.listen(sink);
  const registered: (readonly [path: string, token: string])[] = [];
  const register = async (path: string): Promise<void> => {
    const token = `wait-${++tokenLast}`;
    await nodes.watch(path, token);
    registered.push([path, token]);
  };
  try {
    await Promise.all(paths.map(register));
    for (;;) {
      const last = news.expired;
      if (holds(expression, await readAll(nodes, paths))) return true;
      if (last || !await news.next()) return false;
    }
  } finally {
    timer?.cancel();
    signal?.removeEventListener("abort", onAbort);
    nodes.session.unlisten(sink);
    for (const [path, token] of registered) {
      // A watch that went with the connection needs no removal.
      nodes.unlimited.unwatch(path, token).catch(() => {});
    }
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
  const value = await orNull(nodes.read(path));
  return value === null ? null : toText(value);
}

/** Wakes one waiter: for news that came while it was busy, once. */
class Alarm {
  #rung = false;
  expired = false;
  #error: unknown = null;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  expire(): void {
    this.expired = true;
    this.#wake?.();
  }

  fail(error: unknown): void {
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
