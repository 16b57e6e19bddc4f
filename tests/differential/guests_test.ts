/**
 * Guests on rings, and dom0 beside them, at `xs` and at C xenstored in step: whom a request is
 * denied, what stays hidden, who hears of it, who owns what is made. No two transactions overlap
 * here: what becomes of those is the business of differential_test.ts.
 */
import { RingWorld } from "../support/worlds/ring_world.ts";
import type { World } from "../support/worlds/world.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { referenceMissing } from "../support/reference/daemon.ts";
import { testUnless } from "../support/skip.ts";
import {
  CHANGED_THEN_REMOVED,
  COMMIT_ORDER,
  PARENT_SET_TOO,
  REMOVED_IN_COMMIT,
} from "./allowed.ts";
import { parentOf } from "./change_log.ts";
import {
  CLIENTS,
  describeStep,
  eventOf,
  furnish,
  type GuestStep,
  nextGuestStep,
  pathOfStep,
  perform,
} from "./guests.ts";
import { ReferenceWorld } from "./reference_world.ts";
import { numberFrom } from "../support/number_from.ts";
import { Random } from "../support/random.ts";

/** Requests in all; CI runs all of them. */
const REQUESTS = 15_000;

/** Requests behind which both start afresh: watches must not pile up to their quota. */
const REQUESTS_PER_WORLD = 1_500;

/** Requests that a report of a mismatch repeats. */
const REPORTED = 20;

/** Whether all lines are events of removed nodes; of those below them only, if `below`. */
function areOfRemovals(
  lines: readonly string[],
  removals: readonly string[],
  below: boolean,
): boolean {
  return lines.every((line) => {
    const path = eventOf(line)?.path;
    return path !== undefined &&
      removals.some((removed) => path.startsWith(`${removed}/`) || (!below && path === removed));
  });
}

/** The lines of `wanted` that are not, or not as often, in `there`. */
function missingFrom(there: readonly string[], wanted: readonly string[]): string[] {
  const unmatched = [...there];
  return wanted.filter((line) => {
    const at = unmatched.indexOf(line);
    if (at >= 0) unmatched.splice(at, 1);
    return at < 0;
  });
}

class Pair {
  readonly recent: string[] = [];
  /** What the transaction under way has removed. */
  #removals: string[] = [];
  /** And the nodes whose permissions it has set. */
  #permissionsSet: string[] = [];
  done = 0;

  constructor(
    readonly reference: World,
    readonly ours: World,
    readonly random: Random,
    readonly allowed: Map<string, number>,
  ) {}

  async step(step: GuestStep): Promise<readonly string[]> {
    this.recent.push(describeStep(step));
    if (this.recent.length > REPORTED) this.recent.shift();
    this.done++;
    const left = await perform(this.reference, step);
    const right = await perform(this.ours, step);
    this.#remember(step);
    if (left.join("\n") === right.join("\n")) return left;
    if (step.type === T.TRANSACTION_END && this.#isAllowed(left, right)) return left;
    throw new Error(
      `latest requests:\n${this.recent.join("\n")}\n` +
        `C xenstored: ${left.join("; ")}\nxs:          ${right.join("; ")}`,
    );
  }

  #remember(step: GuestStep): void {
    if (step.type === T.TRANSACTION_START) {
      this.#removals = [];
      this.#permissionsSet = [];
    } else if (step.txId !== 0) {
      if (step.type === T.RM) this.#removals.push(pathOfStep(step));
      if (step.type === T.SET_PERMS) this.#permissionsSet.push(pathOfStep(step));
    }
  }

  /** Whether the difference behind a commit is one of those allowed; counts it if so. */
  #isAllowed(left: readonly string[], right: readonly string[]): boolean {
    const parentSet = (line: string): boolean =>
      this.#permissionsSet.includes(parentOf(eventOf(line)?.path ?? "/"));
    const allReference = missingFrom(right, left);
    const allOurs = missingFrom(left, right);
    const onlyReference = allReference.filter((line) => !parentSet(line));
    const onlyOurs = allOurs.filter((line) => !parentSet(line));
    if (!areOfRemovals(onlyReference, this.#removals, true)) return false;
    if (!areOfRemovals(onlyOurs, this.#removals, false)) return false;
    if ([...allReference, ...allOurs].some(parentSet)) this.#count(PARENT_SET_TOO);
    if (onlyReference.length > 0) this.#count(CHANGED_THEN_REMOVED);
    if (onlyOurs.length > 0) this.#count(REMOVED_IN_COMMIT);
    if (allReference.length + allOurs.length === 0) this.#count(COMMIT_ORDER);
    return true;
  }

  #count(name: string): void {
    this.allowed.set(name, (this.allowed.get(name) ?? 0) + 1);
  }

  /** One request, or a whole transaction. */
  async next(): Promise<void> {
    const from = this.random.pick(CLIENTS);
    if (this.random.percent(92)) {
      await this.step(nextGuestStep(this.random, from, 0));
      return;
    }
    const started = await this.step({ from, type: T.TRANSACTION_START, text: "\0", txId: 0 });
    const txId = parseInt(/"([0-9]+)/.exec(started.join())?.[1] ?? "");
    for (let i = 1 + this.random.below(5); i > 0; i--) {
      const step = nextGuestStep(this.random, from, txId);
      if (step.type !== T.RESET_WATCHES) await this.step(step);
    }
    const text = this.random.percent(80) ? "T\0" : "F\0";
    await this.step({ from, type: T.TRANSACTION_END, text, txId });
  }
}

const missing = await referenceMissing();

testUnless(missing, "xs treats guests as C xenstored does", async () => {
  const seed = numberFrom("XS_SEED", 20_261_121);
  const requests = numberFrom("XS_DIFF_REQUESTS", REQUESTS);
  const random = new Random(seed);
  const allowed = new Map<string, number>();
  for (let done = 0; done < requests;) {
    await using reference = await ReferenceWorld.start();
    await using ours = new RingWorld();
    await furnish(reference);
    await furnish(ours);
    const pair = new Pair(reference, ours, random, allowed);
    try {
      while (pair.done < REQUESTS_PER_WORLD && done + pair.done < requests) await pair.next();
    } catch (cause) {
      const where = `seed ${seed}, request ${done + pair.done}; replay with XS_SEED=${seed}`;
      throw new Error(`${where}\n${reference.output()}`, { cause });
    }
    done += pair.done;
  }
  console.log(
    `seed ${seed}: ${requests} requests of guests and dom0; ` +
      `allowed: ${JSON.stringify(Object.fromEntries(allowed))}`,
  );
});
