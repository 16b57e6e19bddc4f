import { EVENTS_UNPRINTED_MAX } from "../../limits.ts";
import type { XenstoreError } from "../error.ts";
import { EventQueue, type QueuedEvent } from "../event_queue.ts";
import type { Operations } from "../operations.ts";
import { ToolFailure } from "./failure.ts";

export interface WatchToolOptions {
  /** Stop after this many events, the first ones included; -1 means never. */
  readonly number: number;
  /** Levels below the node; undefined means all. */
  readonly depth?: number | undefined;
  /** Called once all watches are set. */
  readonly onReady?: () => void;
}

/**
 * `xenstore-watch`: sets a watch on each of `paths`, its path as its token, and passes on every
 * event until there were enough or the connection ends.
 *
 * @throws {ToolFailure} when a watch cannot be set.
 * @throws {XenstoreError} when the connection is lost.
 */
export async function watchTool(
  nodes: Operations,
  show: (path: string, token: string) => void,
  paths: readonly string[],
  options: WatchToolOptions,
): Promise<void> {
  const done = Promise.withResolvers<void>();
  // The loss of the connection may come while a watch is being set, before anyone waits here.
  done.promise.catch(() => {});
  let left = options.number === -1 ? Infinity : Math.max(0, options.number);
  let ready = false;
  const early = new EventQueue<QueuedEvent>(EVENTS_UNPRINTED_MAX);
  const pass = (path: string, token: string): void => {
    if (left === 0) return;
    show(path, token);
    if (--left === 0) done.resolve();
  };
  const sink = {
    event: (path: string, token: string): void => {
      if (ready) pass(path, token);
      else early.push({ path, token }, ({ token }) => ({ path: token, token }));
    },
    end: (error: XenstoreError | null): void =>
      error === null ? done.resolve() : done.reject(error),
  };
  nodes.session.listen(sink);
  try {
    for (const path of paths) await setWatch(nodes, path, options.depth);
    options.onReady?.();
    if (left === 0) return;
    // Nothing is shown before all watches are set: so does the stock tool.
    ready = true;
    for (let event = early.shift(); event !== undefined; event = early.shift()) {
      pass(event.path, event.token);
    }
    await done.promise;
  } finally {
    nodes.session.unlisten(sink);
  }
}

async function setWatch(nodes: Operations, path: string, depth?: number): Promise<void> {
  await nodes.watch(path, path, depth).catch((error) => {
    const limit = depth === undefined ? "\n" : ` with depth ${depth}\n`;
    throw new ToolFailure(`Unable to add watch on ${path}${limit}`, error);
  });
}
