import { TRACE_KINDS_MAX } from "../../limits.ts";
import { MessageType } from "../../wire/message_type.ts";
import type { TraceEntry } from "./entries.ts";
import { kindName } from "./entry_text.ts";
import { counted } from "../../wire/counted.ts";

/** The row of the kinds that are counted together. */
const OTHERS = "(others)";

/** What was counted of one kind of messages. */
export interface KindCount {
  readonly op: string;
  calls: number;
  errors: number;
  /** How long they were handled together; 0 of events. */
  tookUs: number;
}

/** Counts calls and events by their kinds, as `strace -c` does. */
export class TraceSummary {
  readonly #kinds = new Map<string, KindCount>();
  lost = 0;

  add(entry: TraceEntry): void {
    if (entry.kind === "lost") this.lost += entry.count;
    if (entry.kind === "event") this.#of("event").calls++;
    if (entry.kind !== "call") return;
    const count = this.#of(kindName(entry.request.type));
    count.calls++;
    count.tookUs += entry.tookUs;
    if (entry.reply.type === MessageType.ERROR) count.errors++;
  }

  #of(op: string): KindCount {
    const isFull = this.#kinds.size >= TRACE_KINDS_MAX && !this.#kinds.has(op);
    const counted = isFull ? OTHERS : op;
    let count = this.#kinds.get(counted);
    if (count === undefined) {
      this.#kinds.set(counted, count = { op: counted, calls: 0, errors: 0, tookUs: 0 });
    }
    return count;
  }

  /** Those that took longest first. */
  get kinds(): readonly KindCount[] {
    return [...this.#kinds.values()].sort((a, b) => b.tookUs - a.tookUs || b.calls - a.calls);
  }

  /** A table of lines. */
  text(): string {
    const total: KindCount = { op: "total", calls: 0, errors: 0, tookUs: 0 };
    for (const { calls, errors, tookUs } of this.kinds) {
      total.calls += calls;
      total.errors += errors;
      total.tookUs += tookUs;
    }
    const line = ({ calls, errors, op, tookUs }: KindCount): string => {
      const part = total.tookUs === 0 ? 0 : 100 * tookUs / total.tookUs;
      const columns = [
        part.toFixed(2).padStart(6),
        (tookUs / 1_000_000).toFixed(6).padStart(11),
        (calls === 0 ? 0 : tookUs / calls).toFixed(0).padStart(11),
        `${calls}`.padStart(9),
        (errors === 0 ? "" : `${errors}`).padStart(9),
      ];
      return `${columns.join(" ")} ${op}`;
    };
    const rule = "------ ----------- ----------- --------- --------- ----------------";
    return [
      "% time     seconds  usecs/call     calls    errors operation",
      rule,
      ...this.kinds.map(line),
      rule,
      line(total),
      ...(this.lost === 0
        ? []
        : [`${counted(this.lost, "message")} lost: this reader is too slow`]),
    ].map((text) => `${text}\n`).join("");
  }
}
