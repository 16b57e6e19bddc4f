import type { Clock } from "../../clock.ts";
import type { RestoreOrder } from "../../engine/daemon_actions.ts";
import { ARCHIVE_SLICE_MS } from "../../limits.ts";
import { cutForLog } from "../../engine/domain_log_budget.ts";
import { jsonLine } from "../../wire/json.ts";
import type { TurnJob } from "../loop/turn_job.ts";
import { type RestoreJob, type RestoreProgress, restoreSteps } from "./restore_steps.ts";
import { failure } from "./failure.ts";
import type { JobSteps, RestoreReport, Work, WorkEnd } from "./job.ts";
import { counted } from "../../wire/counted.ts";

/** A restore: takes the dump's bytes as they come, then does its steps a slice a turn. */
export class RestoreWork implements Work, TurnJob {
  readonly progress: RestoreProgress;
  readonly #target: RestoreJob;
  readonly #order: RestoreOrder;
  readonly #onWhole: (job: TurnJob) => void;
  readonly #onEnd: (end: WorkEnd) => void;
  /** The kernel gives it pages as they are written to. */
  #bytes: Uint8Array;
  #received = 0;
  #steps: JobSteps | null = null;
  #givenUp = false;

  /** `onWhole` is called when all bytes are there, so that the steps are done. */
  constructor(
    target: RestoreJob,
    order: RestoreOrder,
    private readonly clock: Clock,
    onWhole: (job: TurnJob) => void,
    onEnd: (end: WorkEnd) => void,
  ) {
    this.#target = target;
    this.#order = order;
    this.#onWhole = onWhole;
    this.#onEnd = onEnd;
    this.#bytes = new Uint8Array(order.bytes);
    this.progress = { done: 0, expected: order.bytes, hasTakenEffect: false };
    if (order.bytes === 0) this.#begin();
  }

  get bytes(): number {
    return this.#bytes.length === 0 ? 0 : this.#received;
  }

  abandon(): boolean {
    if (this.progress.hasTakenEffect) return false;
    this.#givenUp = true;
    this.#bytes = new Uint8Array(0);
    this.#steps?.return({ nodes: 0, leftOut: [] });
    return true;
  }

  /** Takes the next bytes; false when they are more than were announced. */
  put(bytes: Uint8Array): boolean {
    if (bytes.length > this.#bytes.length - this.#received) return false;
    this.#bytes.set(bytes, this.#received);
    this.#received += bytes.length;
    this.progress.done = this.#received;
    if (this.#received === this.#bytes.length && bytes.length > 0) this.#begin();
    return true;
  }

  #begin(): void {
    this.progress.done = 0;
    this.#steps = restoreSteps(this.#target, this.#order, this.#bytes, this.progress);
    this.#onWhole(this);
  }

  step(): boolean {
    if (this.#givenUp) return false;
    const until = this.clock.now() + ARCHIVE_SLICE_MS;
    const steps = this.#steps!;
    try {
      for (let step = steps.next();; step = steps.next()) {
        if (step.done === true) {
          this.#done(step.value);
          return false;
        }
        if (this.clock.now() >= until) return true;
      }
    } catch (error) {
      this.#bytes = new Uint8Array(0);
      this.#onEnd(failure(error));
      return false;
    }
  }

  #done(report: RestoreReport): void {
    this.#bytes = new Uint8Array(0);
    const { check } = this.#order;
    const what = inWords(report);
    const text = check ? `nothing is changed; the restore is possible: ${what}` : `done: ${what}`;
    this.#onEnd({ status: `done ${jsonLine(report)}`, level: "info", text });
  }
}

/** For the log: the client gets all of it. */
function inWords({ leftOut, nodes }: RestoreReport): string {
  if (leftOut.length === 0) return counted(nodes, "node");
  return `${counted(nodes, "node")}; left out: ${cutForLog(leftOut.join("; "))}`;
}
