/**
 * Story: a client that watches and never reads makes the daemon keep its events. Those that guests cause are charged to them, and a guest
 * that comes to its bound is not read any more: it is the watcher that has to be found.
 */
import { DOCTOR_QUEUED_BYTES } from "../../limits.ts";
import { jsonText } from "../../wire/json.ts";
import { type Finding, type Rule, sinceFirstLook } from "../evidence.ts";

export const unreadEvents: Rule = {
  name: "unread-events",
  check: (evidence) => {
    const { watches } = evidence;
    const clients = new Map(watches.map((watch) => [watch.connection, watch]));
    return [...clients.values()].filter(({ queuedBytes }) => queuedBytes >= DOCTOR_QUEUED_BYTES)
      .map(({ command, connection, domid, pid, queuedBytes }): Finding => {
        const program = command === null ? "" : ` (${jsonText(command)})`;
        const object = pid === null ? `domain ${domid}` : `pid ${pid}${program}`;
        const text =
          `${queuedBytes} bytes of answers and events wait for it (connection ${connection})`;
        return {
          rule: "unread-events",
          object,
          text,
          onset: sinceFirstLook(evidence),
          command: pid === null ? `xs ring ${domid}` : null,
          fix: null,
        };
      });
  },
};
