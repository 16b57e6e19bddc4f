/**
 * Story: a client that watches and never reads makes the daemon keep its events. Those that guests cause are charged to them, and a guest
 * that comes to its bound is not read any more: it is the watcher that has to be found.
 */
import { DOCTOR_QUEUED_BYTES } from "../../limits.ts";
import { jsonText } from "../../wire/json.ts";
import type { Found, Rule } from "../evidence.ts";

export const unreadEvents: Rule = {
  name: "unread-events",
  *check({ watches }): Generator<Found> {
    const clients = new Map(watches.map((watch) => [watch.connection, watch]));
    for (const { command, connection, domid, pid, queuedBytes } of clients.values()) {
      if (queuedBytes < DOCTOR_QUEUED_BYTES) continue;
      const program = command === null ? "" : ` (${jsonText(command)})`;
      yield {
        object: pid === null ? `domain ${domid}` : `pid ${pid}${program}`,
        text: `${queuedBytes} bytes of answers and events wait for it (connection ${connection})`,
        command: pid === null ? `xs ring ${domid}` : null,
      };
    }
  },
};
