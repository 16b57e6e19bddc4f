import type { Clock, Timer } from "../../clock.ts";
import { TRIAL_MS_MAX, TRIAL_OUTPUT_BYTES_MAX, TRIAL_OUTPUT_MS } from "../../limits.ts";
import { LAYOUT_NUMBER } from "../../transport/held_slots.ts";
import { XS_MARK } from "./candidate.ts";

/** What a trial is about: a state, by its size and the number of its records. */
export interface TrialSubject {
  readonly bytes: number;
  readonly records: number;
}

/** The option by which a daemon is asked to try a state, and how it says that it could be. */
export const TRIAL_OPTION = "--live-update-check";

export function trialAnswer({ bytes, records }: TrialSubject): string {
  return `${XS_MARK}: ${bytes} bytes, ${records} records: good`;
}

/** A second line of the answer: clients' sockets that are held can stay so, with their counts. */
export const TAKES_HELD = `xs-live-update-held-${LAYOUT_NUMBER.toString(16)}`;

/** How a trial ended. */
export interface TrialResult {
  /** What went wrong; null if the daemon said, in time, that it has read all of the state. */
  readonly refusal: string | null;
  /** Whether it said {@link TAKES_HELD}. */
  readonly takesHeld: boolean;
}

function refused(refusal: string): TrialResult {
  return { refusal, takesHeld: false };
}

/**
 * Runs the next daemon on a state that it is to read, not to serve.
 *
 * @param env variables of its environment, beside ours
 * @param signal ends the trial, and the child with it
 */
export async function tryOut(
  file: string,
  words: readonly string[],
  state: string,
  subject: TrialSubject,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
  clock: Clock,
): Promise<TrialResult> {
  const limit = new AbortController();
  const limiter = clock.after(TRIAL_MS_MAX, () => limit.abort());
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(file, {
      args: [...words, TRIAL_OPTION, state],
      env: { ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    limiter.cancel();
    return refused(`It cannot be run: ${error instanceof Error ? error.message : String(error)}`);
  }
  const kill = (): void => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  };
  const either = AbortSignal.any([signal, limit.signal]);
  either.addEventListener("abort", kill);
  const output = [new Collector(child.stdout), new Collector(child.stderr)];
  const { code, signal: death } = await child.status;
  either.removeEventListener("abort", kill);
  limiter.cancel();
  const [stdout = "", stderr = ""] = await Promise.all(output.map((one) => one.finish(clock)));
  if (limit.signal.aborted) return refused(`Its trial took more than ${TRIAL_MS_MAX / 1000} s.`);
  const lines = stdout.split("\n");
  if (code === 0 && lines.includes(trialAnswer(subject))) {
    return { refusal: null, takesHeld: lines.includes(TAKES_HELD) };
  }
  const last = stderr.trim().split("\n").at(-1) ?? "";
  if (last !== "") return refused(`Its trial failed: ${last}`);
  if (death !== null) return refused(`Its trial ended by ${death}.`);
  const how = code === 0 ? "without a word about the state" : `with status ${code}`;
  return refused(`Its trial ended ${how}.`);
}

/** The beginning of what a child prints; the rest is thrown away. */
class Collector {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #ended: Promise<void>;
  #text = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
    this.#ended = this.#collect();
  }

  async #collect(): Promise<void> {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      const room = TRIAL_OUTPUT_BYTES_MAX - this.#text.length;
      if (room > 0) this.#text += decoder.decode(value.subarray(0, room), { stream: true });
    }
  }

  /** What has come when the child has ended: its own children may hold the pipe open. */
  async finish(clock: Clock): Promise<string> {
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => timer = clock.after(TRIAL_OUTPUT_MS, resolve));
    await Promise.race([this.#ended, late]);
    timer?.cancel();
    await this.#reader.cancel();
    return this.#text;
  }
}
