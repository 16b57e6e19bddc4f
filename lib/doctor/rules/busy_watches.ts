/**
 * Story: xen-devel, September 2020. Thirty QEMUs watched `backend`: one write was thirty events, dom0 was busy at 100 %, and it took
 * hours of grep to see why.
 */
import { DOCTOR_EVENTS_PER_SECOND, DOCTOR_SHARED_WATCHES } from "../../limits.ts";
import { escapeText } from "../../wire/escape.ts";
import type { Found, Rule, SeenWatch } from "../evidence.ts";
import { counted } from "../../wire/counted.ts";

export const busyWatches: Rule = {
  name: "busy-watches",
  *check({ watches }): Generator<Found> {
    const byPath = new Map<string, SeenWatch[]>();
    for (const watch of watches) byPath.set(watch.path, [...byPath.get(watch.path) ?? [], watch]);
    for (const [path, those] of byPath) {
      const clients = new Set(those.map(({ connection }) => connection)).size;
      const events = those.reduce((sum, { eventsPerSecond }) => sum + eventsPerSecond, 0);
      if (clients < DOCTOR_SHARED_WATCHES && events < DOCTOR_EVENTS_PER_SECOND) continue;
      yield {
        object: escapeText(path),
        text: `watched by ${counted(clients, "client")}: ${
          counted(Math.round(events), "event")
        } a second together`,
        command: `xs who ${path}`,
      };
    }
  },
};
