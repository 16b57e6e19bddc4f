import { TraceDecoder } from "../../lib/client/trace/entries.ts";
import { absolutePath } from "../../lib/wire/home_path.ts";
import { splitStrings } from "../../lib/wire/payload.ts";
import type { CommonFlags } from "../context.ts";
import type { Shell } from "../shell.ts";
import { openMessages } from "../trace/live.ts";

/** Events within `ms` at or below a path, or (null) all, by the connection's number, NUL and the token. */
export async function countEvents(
  shell: Shell,
  { socket, timeout }: CommonFlags,
  path: string | null,
  ms: number,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const stream = await openMessages(shell, {
    op: "event",
    ...(socket === undefined ? {} : { socket }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(path === null ? {} : patternOf(path)),
  });
  const timer = shell.clock.after(ms, () => stream.close());
  const unlisten = shell.onInterrupt(() => stream.close());
  const decoder = new TraceDecoder();
  try {
    for (let frames = await stream.next(); frames !== null; frames = await stream.next()) {
      for (const entry of [...decoder.add(frames), ...decoder.rest()]) {
        if (entry.kind !== "event") continue;
        const key = `${entry.client.id}\0${splitStrings(entry.message.payload)[1] ?? ""}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
  } finally {
    timer.cancel();
    unlisten();
  }
  return counts;
}

/** Of a special all events are looked at: there is no pattern of those. */
function patternOf(path: string): { path?: string } {
  return path.startsWith("@") ? {} : { path: absolutePath(path) };
}
