/** What `xs bisect` does: loaded when it is called. */
import { askWhole, type HistorySource } from "../../lib/archive/past/history_source.ts";
import { PastNodes, unknownText } from "../../lib/archive/past/past_nodes.ts";
import { fromByteText, toByteText } from "../../lib/client/operations.ts";
import { Bisection, type Verdict } from "../../lib/history/bisection.ts";
import type { Point } from "../../lib/history/points.ts";
import { ALL_RECORDS } from "../../lib/history/query.ts";
import { hasKeyframe, type HistoryRecord } from "../../lib/history/record.ts";
import type { Status, XsContext } from "../context.ts";
import { CommandError, STATUS_INTERRUPTED, StatusError, UsageError } from "../report.ts";
import { flush, note, type Shell } from "../shell.ts";
import { aboutPoint, lookBack } from "./look_back.ts";
import { INTERRUPTED, MomentTestBed, type Words } from "./moment_test_bed.ts";
import type { HistoryFlags } from "./parameters.ts";
import { runShow } from "./show.ts";
import { counted } from "../../lib/wire/counted.ts";

/** The options of `xs bisect`. */
export interface BisectFlags extends HistoryFlags {
  readonly good?: string;
  readonly bad?: string;
}

/** As git bisect has it: the commit cannot be tested. */
const STATUS_SKIP = 125;
/** From here on the command itself has failed, not the test. */
const STATUS_FAILED = 128;

/** Finds the first commit after which a command fails, and shows it; exit status 1 when it is one of several. */
export async function runBisect(
  context: XsContext,
  flags: BisectFlags,
  ...words: string[]
): Promise<Status> {
  const { shell } = context, { bad, good } = flags;
  if (good === undefined) {
    throw new UsageError("--good is missing (name a moment at which CMD succeeds)");
  }
  const [command = "", ...args] = words.map(fromByteText);
  let found: readonly number[] = [];
  const search = lookBack(context, flags, async (past) => {
    const from = past.point(good, "--good"), to = past.pointOrNull(bad, "--bad");
    const source = await past.source();
    using bed = new MomentTestBed(shell);
    found = await new Search(shell, source, bed, [command, ...args]).run(from, to);
  });
  await search.catch((error) => {
    const isInterrupted = error instanceof CommandError && error.text === INTERRUPTED;
    throw isInterrupted ? new StatusError(error, STATUS_INTERRUPTED) : error;
  });
  const [first, ...others] = found;
  if (others.length > 0) say(shell, "the first bad commit is one of these, which were skipped:");
  else if (flags.json !== true) shell.stdout.write(`#${first} is the first bad commit\n`);
  for (const number of found) await runShow(context, flags, `${number}`);
  return others.length === 0;
}

/** Prints progress to the other output at once: on one terminal the result must come last. */
function say(shell: Shell, text: string): void {
  note(shell, text);
  flush(shell.stderr);
}

class Search {
  readonly #shell: Shell;
  readonly #source: HistorySource;
  readonly #bed: MomentTestBed;
  readonly #words: Words;

  constructor(shell: Shell, source: HistorySource, bed: MomentTestBed, words: Words) {
    this.#shell = shell;
    this.#source = source;
    this.#bed = bed;
    this.#words = words;
  }

  /**
   * The first bad commit, or those that it may be.
   *
   * @throws {CommandError} when there is none, or nothing is left of it.
   */
  async run(goodPoint: Point, badPoint: Point | null): Promise<number[]> {
    const good = await aboutPoint("--good", () => this.#momentAt(goodPoint));
    const until = badPoint ?? commitPoint(await this.#last());
    const bad = await aboutPoint("--bad", () => this.#momentAt(until));
    if (bad.number < good.number) {
      const why = `#${bad.number} is before the good moment, #${good.number}`;
      throw new CommandError(why, "--bad");
    }
    if (bad.number === good.number) {
      throw new CommandError(`nothing has changed since #${good.number}`);
    }
    await this.#check("--good", good, "good");
    await this.#check("--bad", bad, "bad");
    const { first, last } = await this.#halve(new Bisection(good.number, bad.number));
    const numbers = await this.#changesWithin(first, last);
    if (numbers.length > 0) return numbers;
    throw new CommandError("the history no longer has these changes", `#${first}`);
  }

  async #halve(bisection: Bisection): Promise<Bisection["found"]> {
    for (let { next } = bisection; next !== null; next = bisection.next) {
      const verdict = await this.#test(await this.#momentAt(commitPoint(next)));
      bisection.take(next, verdict);
      const is = verdict === "skip" ? "skipped" : verdict, { left } = bisection;
      say(this.#shell, `#${next} is ${is}: ${counted(left, "commit")} left`);
    }
    return bisection.found;
  }

  /** The number of the last record. */
  async #last(): Promise<number> {
    return (await askWhole(this.#source, { ...ALL_RECORDS, last: 0 })).head.last;
  }

  async #momentAt(point: Point): Promise<PastNodes> {
    return await PastNodes.read(this.#source, point, ["/"]);
  }

  /** Numbers of all that changed the store, in order: what a search steps over may be an aborted transaction. */
  async #changesWithin(since: number, until: number): Promise<number[]> {
    const numbers = new Set<number>();
    for await (const answer of this.#source.ask({ ...ALL_RECORDS, filter: { since, until } })) {
      if (answer.type === "damage") say(this.#shell, answer.text);
      if (answer.type === "record" && changesStore(answer.record)) {
        numbers.add(answer.record.number);
      }
    }
    return [...numbers];
  }

  /** @throws {CommandError} when a moment that the user has named is not what it is said to be. */
  async #check(option: string, moment: PastNodes, wanted: Verdict): Promise<void> {
    const verdict = await this.#test(moment);
    if (verdict === wanted) return;
    const is = verdict === "skip" ? "cannot be tested" : `is ${verdict}`;
    throw new CommandError(
      `after #${moment.number} the store ${is} (name another moment, or correct the command)`,
      option,
    );
  }

  async #test(moment: PastNodes): Promise<Verdict> {
    const { number, unknowns } = moment;
    const [unknown] = unknowns;
    if (unknown !== undefined) {
      const { path } = unknown, more = unknowns.length - 1;
      const others = more === 0 ? "" : `, and ${counted(more, "more path")}`;
      say(this.#shell, `#${number}: ${path}: ${unknownText(unknown)}${others}`);
      if (unknowns.some(({ isBelow, path }) => isBelow && path === "/")) return "skip";
    }
    const status = await this.#bed.run(moment, this.#words);
    if (status === 0) return "good";
    if (status === STATUS_SKIP) return "skip";
    if (status < STATUS_FAILED) return "bad";
    const [command] = this.#words;
    const rule = "0 is good, 125 skips, others below 128 are bad";
    throw new CommandError(`failed with status ${status} (${rule})`, toByteText(command));
  }
}

/** Whether the store can be another one after a record than before it. */
function changesStore(record: HistoryRecord): boolean {
  return hasKeyframe(record) || (record.type === "commit" && record.changes.length > 0);
}

function commitPoint(number: number): Point {
  return { kind: "commit", number, back: 0 };
}
