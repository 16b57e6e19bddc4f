import { RecordError } from "../../state/checked_records.ts";
import { StreamError } from "../../codec/stream.ts";
import { message, stackOf } from "../logging/log.ts";
import type { WorkEnd } from "./job.ts";

/** A dump kept too much in memory that others have replaced since it began. */
export class OverrunError extends Error {
  override readonly name = "OverrunError";

  constructor(bytes: number) {
    super(
      `it kept ${bytes} bytes in memory that have been replaced since it began ` +
        "(try again when the store changes less)",
    );
  }
}

/** A dump would have what stands for a hidden value, and a restore would take that for the value. */
export class HiddenValueError extends Error {
  override readonly name = "HiddenValueError";

  constructor(path: string) {
    super(
      `the value of ${path} is hidden in the history, and a restore would put its placeholder ` +
        "into the store (dump the moment itself: xs dump --at POINT --format text)",
    );
  }
}

/** How work ends that has thrown: what is wrong with a dump is told in a line, a defect with its stack. */
export function failure(error: unknown): WorkEnd {
  const isExpected = error instanceof RecordError || error instanceof StreamError ||
    error instanceof OverrunError || error instanceof HiddenValueError;
  return {
    status: `failed ${isExpected ? message(error) : "an internal error (the log has more)"}`,
    level: isExpected ? "warning" : "error",
    text: isExpected ? `it failed: ${message(error)}` : `internal error: ${stackOf(error)}`,
  };
}
