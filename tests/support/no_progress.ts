import type { ProgressSink } from "../../lib/archive/archive.ts";

/** Tells nobody of how work goes on. */
export const NO_PROGRESS: ProgressSink = { update: () => {} };
