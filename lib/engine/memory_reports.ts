import { MEMORY_REPORT_MS } from "../limits.ts";
import type { Account, MemoryReported } from "./accounts.ts";
import type { Connection } from "./connection.ts";
import { costMax } from "./memory_model.ts";
import type { Quotas } from "./quotas.ts";

/** Takes the lines for the operator, each at a domain's expense. */
interface Teller {
  tell(level: "info" | "warning", domid: number, now: number, text: () => string): void;
}

/**
 * Tells the operator when a guest's memory comes to its quotas and falls below them again, in the
 * words of C xenstored and as seldom: what is too soon to be told is told, if it still is so, behind
 * a later request of the guest.
 */
export class MemoryReports {
  constructor(private readonly teller: Teller) {}

  /** To be called behind every request of a guest. */
  look(connection: Connection, now: number): void {
    const { account, quotas } = connection;
    if (account === null || account.now.memory === account.memoryLooked) return;
    if (quotas !== null && this.#compare(connection.domid, account, quotas, now)) {
      account.memoryLooked = account.now.memory;
    }
  }

  /** A request of a guest was refused because its memory would have been over its quota. */
  refused({ account, domid }: Connection, quotas: Quotas, now: number): void {
    if (account === null) return;
    const reported = account.memoryReported ??= nothingReported();
    if (reported.hard) return;
    reported.hard = true;
    reported.at = now;
    // That it is so no more must be found out even if nothing of it changes.
    account.memoryLooked = NaN;
    const text = `more than ${quotas.get("memory")} bytes are refused`;
    this.#tell("warning", domid, now, `exceeds hard memory quota: ${text}`);
  }

  /** Tells what has changed; false when something is left to be told later. */
  #compare(domid: number, account: Account, quotas: Quotas, now: number): boolean {
    const { memory } = account.now;
    const over = quotas.exceeded("soft-memory", memory);
    const reported = account.memoryReported;
    if (reported === null ? !over : over === reported.soft && !reported.hard) return true;
    if (reported !== null && now - reported.at < MEMORY_REPORT_MS) return false;
    const tell = account.memoryReported ??= nothingReported();
    tell.at = now;
    if (tell.hard) {
      if (quotas.exceeded("memory", memory) || account.cost > costMax(quotas)) return false;
      tell.hard = false;
      this.#tell("info", domid, now, `below hard memory quota again: ${memory} bytes`);
    }
    if (over === tell.soft) return true;
    tell.soft = over;
    const bytes = `${memory} bytes of ${quotas.get("soft-memory")}`;
    if (over) this.#tell("warning", domid, now, `exceeds soft memory quota: ${bytes}`);
    else this.#tell("info", domid, now, `below soft memory quota again: ${bytes}`);
    return true;
  }

  #tell(level: "info" | "warning", domid: number, now: number, text: string): void {
    this.teller.tell(level, domid, now, () => `Domain ${domid} ${text}`);
  }
}

function nothingReported(): MemoryReported {
  return { at: 0, soft: false, hard: false };
}
