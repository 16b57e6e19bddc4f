import { Share } from "../../engine/work_meter.ts";
import type { Contender } from "./ready_queue.ts";

/** Long work that is done in slices, so that nobody waits for it. */
export interface TurnJob {
  /** One slice; false when that was the last. It throws nothing. */
  step(): boolean;
}

/** A job's place among the peers: it gets its slices like one of them. */
export class JobContender implements Contender {
  readonly connection = { share: new Share(), privileged: false, label: "a restore" };
  prepaid = 0;
  readyAt = 0;

  constructor(readonly job: TurnJob) {}
}
