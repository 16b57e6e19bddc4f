import { MEMORY_LINES_PER_SECOND, MEMORY_RESERVE_PART } from "../limits.ts";
import type { Accounts } from "./accounts.ts";
import type { Connection } from "./connection.ts";
import { LogBudget } from "./domain_log_budget.ts";

/** How much all that clients have the daemon keep may cost, in bytes of the memory model. */
export class DaemonMemoryLimit {
  #max = Infinity;
  #guestsMax = Infinity;
  readonly #lines = new LogBudget(1, MEMORY_LINES_PER_SECOND);

  constructor(
    private readonly accounts: Accounts,
    private readonly log: (level: "warning", text: string) => void,
  ) {}

  /** The bound for all; Infinity for none. A part of it is for the privileged alone. */
  get max(): number {
    return this.#max;
  }

  set max(bytes: number) {
    this.#max = bytes;
    this.#guestsMax = bytes === Infinity ? bytes : bytes - Math.floor(bytes / MEMORY_RESERVE_PART);
  }

  /** Whether `bytes` more are more than a client may be given; `all`: also of the part of the privileged. */
  exceeded(all: boolean, bytes: number): boolean {
    return this.accounts.cost + bytes > (all ? this.#max : this.#guestsMax);
  }

  /** Tells the operator that a request was refused because of it. */
  refused(connection: Connection, now: number): void {
    const more = this.#lines.take(now);
    if (more === null) return;
    const { label } = connection, all = mayUseAll(connection);
    const max = all ? this.#max : this.#guestsMax;
    const whose = all ? "" : ", what is above is for the privileged domain";
    this.log(
      "warning",
      `${label}: ENOSPC: the store takes ${this.accounts.cost} bytes of memory, and ${max} are ` +
        `allowed${whose} (--memory)${more}`,
    );
  }
}

/** Those that may only look leave the toolstack its part, as guests do. */
export function mayUseAll(
  { privileged, readOnly }: Pick<Connection, "privileged" | "readOnly">,
): boolean {
  return privileged && !readOnly;
}
