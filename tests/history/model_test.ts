/** What a history says of any moment is what was there, whatever was folded, thinned, pruned or lost. */
import { assert, assertEquals } from "@std/assert";
import {
  type Abort,
  type Author,
  type HistoryRecord,
  type NodeState,
  sameAuthor,
  sameNode,
} from "../../lib/history/record.ts";
import { isUnder } from "../../lib/history/path_set.ts";
import { type Random, roundsOf, withSeed } from "../support/random.ts";
import { ArrayHistory } from "./array_history.ts";
import { AUTHORS, QUIET, RandomHistory, type Truth } from "./random_history.ts";

const ROUNDS = 120;
const FIXED = 40;
const STEPS = 120;

/** A history, what is true of it, and what was done to it. */
class Trial {
  readonly source: RandomHistory;
  readonly history: ArrayHistory;
  readonly start: number;
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
    this.source = new RandomHistory(random);
    this.start = this.source.number;
    this.history = new ArrayHistory({ number: this.start, at: 0, nodes: new Map() });
  }

  step(): void {
    const { history, random, source } = this;
    const dice = random.next();
    if (dice < 0.85) return history.add(source.next());
    if (dice < 0.87) return this.#gap();
    if (dice < 0.89) return history.add(source.restore(), source.nodes);
    if (dice < 0.91) return history.mark(source.number, source.now, source.nodes);
    if (dice < 0.95) return this.#fold();
    if (dice < 0.98) return this.#thin();
    history.prune(random.below(1 + history.records.length >> 1));
  }

  #gap(): void {
    const { history, random, source } = this;
    const lost = Array.from({ length: 1 + random.below(5) }, () => source.next());
    const { first, firstAt } = ends(lost), { at, number } = lost.at(-1)!;
    const missing = [{ author: QUIET, count: lost.length }];
    history.add({ type: "gap", number, at, first, firstAt, missing }, source.nodes);
  }

  #fold(): void {
    const { history, random } = this;
    const from = random.below(history.records.length + 1);
    const to = from + random.below(history.records.length + 1 - from);
    const some = AUTHORS.filter(() => random.chance(0.6));
    history.fold(from, to, (author) => some.some((other) => sameAuthor(author, other)));
  }

  #thin(): void {
    const { history, random, source } = this;
    const author = random.pick(AUTHORS);
    const upTo = source.number - random.below(30);
    history.thin((other) => sameAuthor(other, author), upTo);
  }
}

function ends(lost: readonly HistoryRecord[]): { first: number; firstAt: number } {
  return { first: lost[0]!.number, firstAt: lost[0]!.at };
}

/** What was found, so that a test sees that it tests something. */
const found = { known: 0, unknown: 0, before: 0, folded: 0, rest: 0, whole: 0 };
type Found = typeof found;

/** Checks every moment, and each path at each. */
function checkMoments({ history, source, start }: Trial, count: Found): void {
  const truths: { number: number; nodes: ReadonlyMap<string, NodeState> }[] = [
    { number: start, nodes: new Map() },
    ...source.truths,
  ];
  const paths = new Set(truths.flatMap(({ nodes }) => [...nodes.keys()]));
  for (const { nodes, number } of truths) {
    const moment = history.at(number);
    assertEquals(moment === null, number < history.horizon);
    if (moment === null) {
      count.before++;
      continue;
    }
    for (const path of paths) {
      const between = moment.unknown(path);
      if (between === null) {
        const told = moment.nodes.get(path) ?? null;
        assert(sameNode(told, nodes.get(path) ?? null), `${path} at #${number}`);
        count.known++;
      } else {
        assert(between.from <= number && number < between.to);
        assert(number < history.completeAfter, "unknown, though all is said to be there");
        count.unknown++;
      }
    }
    for (const top of ["/", "/local/domain/2", "/a"]) {
      const some = [...paths].some((path) => isUnder(path, top) && moment.unknown(path) !== null);
      if (some) assert(moment.inexact(top) !== null);
      if (number >= history.completeAfter) assertEquals(moment.inexact(top), null);
    }
  }
}

/** Checks what is told of each path, and that all is there that is said to be. */
function checkRecords({ history, source }: Trial, count: Found): void {
  const { truths } = source;
  const byNumber = new Map(truths.map((truth) => [truth.number, truth]));
  const told = new Map(history.records.map((record) => [record.number, record]));
  for (const { number, record } of truths) {
    if (number <= history.completeAfter) continue;
    assertEquals(told.get(number), record);
    count.whole++;
  }
  let last = 0;
  for (const record of history.records) {
    assert(record.number >= last, "records are in order");
    last = record.number;
    if (record.type === "abort") checkAbort(record, truths);
    if (record.type !== "commit") continue;
    for (const change of record.changes) {
      const { path, first } = change;
      const before = byNumber.get(first - 1)?.nodes ?? new Map<string, NodeState>();
      assert(sameNode(change.old, before.get(path) ?? null), `${path} before #${first}`);
      const after = byNumber.get(record.number)!.nodes.get(path) ?? null;
      assert(sameNode(change.new, after), `${path} after #${record.number}`);
      const touching = touches(truths, path, first, record.number);
      assertEquals(change.count, touching.length);
      assertEquals(change.firstAt, byNumber.get(first)!.record.at);
      if (record.author.kind === "pruned") count.rest++;
      else {
        const { author } = record;
        assert(touching.every((other) => other.type !== "gap" && sameAuthor(other.author, author)));
        if (change.count > 1) count.folded++;
      }
    }
  }
}

/** As many aborts as it counts were so, the first of them when it says. */
function checkAbort(told: Abort, truths: readonly Truth[]): void {
  const same = truths.map(({ record }) => record).filter((record): record is Abort =>
    record.type === "abort" && record.number >= told.first && record.number <= told.number &&
    record.path === told.path && record.facet === told.facet &&
    sameAuthor(record.author, told.author)
  );
  assert(told.count <= same.length && (told.count > 1 || told.first === told.number));
  assertEquals([same[0]!.number, same[0]!.at], [told.first, told.firstAt]);
}

/** The commits that changed a path, from one number to another. */
function touches(
  truths: readonly Truth[],
  path: string,
  from: number,
  to: number,
): HistoryRecord[] {
  return truths.map(({ record }) => record).filter((record) =>
    record.number >= from && record.number <= to && record.type === "commit" &&
    record.changes.some((change) => change.path === path)
  );
}

Deno.test("each moment of a random history is told right, or said to be unknown", () => {
  const count = { ...found };
  for (const { fixed, seed } of roundsOf(ROUNDS, FIXED)) {
    withSeed((random) => {
      const trial = new Trial(random);
      const counted = fixed ? count : { ...found };
      for (let step = 0; step < STEPS; step++) {
        trial.step();
        if (step % 40 !== 39) continue;
        checkMoments(trial, counted);
        checkRecords(trial, counted);
      }
    }, seed);
  }
  if (Deno.env.get("XS_SEED") === undefined) {
    for (const [what, times] of Object.entries(count)) {
      assert(times > 100, `${what} only ${times} times`);
    }
  }
});

Deno.test("a flood leaves a quiet author's commits as they were, and itself one change a path", () => {
  withSeed((random) => {
    const source = new RandomHistory(random);
    const history = new ArrayHistory({ number: source.number, at: 0, nodes: new Map() });
    history.piece = Infinity;
    for (let i = 0; i < 300; i++) history.add(source.next());
    const quiet = history.records.filter((record) => isBy(record, QUIET));
    const flood = AUTHORS[1]!, other = AUTHORS[2]!;
    history.fold(0, history.records.length, (author) => !sameAuthor(author, QUIET));
    history.thin((author) => sameAuthor(author, flood), source.number);
    history.thin((author) => sameAuthor(author, other), source.number);
    assertEquals(history.records.filter((record) => isBy(record, QUIET)), quiet);
    for (const author of [flood, other]) {
      assertEquals(history.records.filter((record) => isBy(record, author)), []);
    }
    checkRests(history.records);
  });
});

function isBy(record: HistoryRecord, author: Author): boolean {
  return record.type !== "gap" && sameAuthor(record.author, author);
}

/** What is left of others is one change of a path between two that are told, and none before the first. */
function checkRests(records: readonly HistoryRecord[]): void {
  const last = new Map<string, string>();
  for (const record of records) {
    if (record.type !== "commit") continue;
    const { kind } = record.author;
    for (const { path } of record.changes) {
      if (kind === "pruned") assert(!["pruned", undefined].includes(last.get(path)), path);
      last.set(path, kind);
    }
  }
}
