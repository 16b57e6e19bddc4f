/** What a history says, against what was true: moments, log, blame and records. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ArchiveError } from "../../lib/archive/archive.ts";
import { askWhole, type HistorySource } from "../../lib/archive/past/history_source.ts";
import { PastNodes } from "../../lib/archive/past/past_nodes.ts";
import type { Blamed, Head } from "../../lib/history/answers.ts";
import type { HistoryRecord, NodeState } from "../../lib/history/record.ts";
import { toText } from "../../lib/wire/text.ts";
import { xs } from "./run_xs.ts";

/** The nodes of a store, each as its value and its permissions. */
export type Tree = ReadonlyMap<string, string>;

/** The store after each number. */
export type Trees = ReadonlyMap<number, Tree>;

function textOf({ nodes }: PastNodes): Tree {
  return new Map(
    [...nodes].filter(([path]) => path.startsWith("/"))
      .map(([path, node]) => [path, nodeText(node)]),
  );
}

function nodeText({ perms, value }: NodeState): string {
  const shown = value instanceof Uint8Array ? toText(value) : `<${value.redacted}>`;
  return `${shown} ${perms}`;
}

function sameTree(a: Tree, b: Tree): void {
  assertEquals([...a].sort(), [...b].sort());
}

async function pastOf(source: HistorySource, number: number): Promise<PastNodes> {
  return await PastNodes.read(source, { kind: "commit", number, back: 0 }, ["/"]);
}

/**
 * What is said of each moment, or of some, is so, or said not to be known; the log leads from each to the next. Returns how many
 * were exact.
 */
export async function checkMoments(
  source: HistorySource,
  trees: Trees,
  some: Iterable<number> = trees.keys(),
): Promise<number> {
  const { answers, head } = await logOf(source);
  let exact = 0;
  for (const number of some) {
    const tree = trees.get(number)!;
    if (number < head.begins.number || number > head.last) {
      await assertRejects(() => pastOf(source, number), ArchiveError, `#${number}`);
      continue;
    }
    const past = await pastOf(source, number);
    if (number >= head.completeAfter) assertEquals(past.unknowns, [], `#${number}`);
    if (past.unknowns.length === 0) {
      sameTree(textOf(past), tree);
      exact++;
      continue;
    }
    const found = textOf(past);
    for (const path of new Set([...found.keys(), ...tree.keys()])) {
      if (past.unknown(path) === null) assertEquals(found.get(path), tree.get(path), path);
    }
  }
  checkLog(answers, trees, head);
  return exact;
}

/** All records, or the `last` so many, and what is known of the history. */
export async function logOf(
  source: HistorySource,
  last: number | null = null,
): Promise<{ head: Head; answers: readonly HistoryRecord[] }> {
  const { answers, head } = await askWhole(source, {
    kind: "log",
    since: null,
    until: null,
    filter: {},
    backwards: false,
    last,
  });
  const records = answers.flatMap((one) => one.type === "record" ? one.record : []);
  return { head, answers: wholeRecords(records) };
}

/** A commit that is large is several records of one number. */
function wholeRecords(records: readonly HistoryRecord[]): HistoryRecord[] {
  const whole: HistoryRecord[] = [];
  for (const record of records) {
    const last = whole.at(-1);
    const isPart = last?.number === record.number && last.type === "commit" &&
      record.type === "commit";
    if (isPart) {
      whole[whole.length - 1] = { ...last, changes: [...last.changes, ...record.changes] };
    } else whole.push(record);
  }
  return whole;
}

/** The records of the part that is complete lead from each tree to the next. */
export function checkLog(records: readonly HistoryRecord[], trees: Trees, head: Head): void {
  const commits = records.filter((record) =>
    record.type === "commit" && record.number > head.completeAfter
  );
  for (const commit of commits) {
    const before = trees.get(commit.number - 1), after = trees.get(commit.number);
    if (commit.type !== "commit" || before === undefined || after === undefined) continue;
    const changed = [...new Set([...before.keys(), ...after.keys()])]
      .filter((path) => before.get(path) !== after.get(path));
    const recorded = commit.changes.map(({ path }) => path);
    // What is written as it was is a change, too.
    for (const path of changed) assert(recorded.includes(path), `#${commit.number} ${path}`);
    for (const { new: now, old, path } of commit.changes) {
      const told = [old, now].map((node) => node === null ? undefined : nodeText(node));
      assertEquals(told, [before.get(path), after.get(path)], `#${commit.number} ${path}`);
    }
  }
}

/** `xs diff` tells the paths at which two moments differ. */
export async function checkDiff(
  socket: string,
  trees: Trees,
  ...numbers: [number, number]
): Promise<void> {
  const { out, status } = await xs(socket, ["diff", "--json", ...numbers.map((one) => `#${one}`)]);
  const [before, after] = numbers.map((number) => trees.get(number)!) as [Tree, Tree];
  const differing = [...new Set([...before.keys(), ...after.keys()])]
    .filter((path) => before.get(path) !== after.get(path)).sort();
  const told = out.split("\n").slice(0, -1).map((line) => JSON.parse(line).path).sort();
  assertEquals(told, differing, `#${numbers.join(" #")}`);
  assertEquals(status, differing.length === 0 ? 0 : 1);
}

/** Blame agrees with the log, for what is known. */
export async function checkBlame(
  source: HistorySource,
  number: number,
  records: readonly HistoryRecord[],
  head: Head,
): Promise<void> {
  const point = { kind: "commit", number, back: 0 } as const;
  for (const deleted of [false, true]) {
    const query = { kind: "blame", path: "/", at: point, recursive: true, deleted } as const;
    const { answers } = await askWhole(source, query);
    const found = answers.filter((one): one is Blamed => one.type === "blame");
    for (const { between, commit, node, path } of found) {
      assertEquals(node === null, deleted, path);
      if (between !== null) continue;
      const last = records.findLast((record) =>
        record.type === "commit" && record.number <= number &&
        record.changes.some((change) => change.path === path)
      );
      if (last === undefined) assertEquals(commit, null, path);
      else if (last.number > head.completeAfter) assertEquals(commit?.number, last.number, path);
    }
  }
}

/** What `xs show` is told of a record is what the log has. */
export async function checkShow(source: HistorySource, record: HistoryRecord): Promise<void> {
  const point = { kind: "commit", number: record.number, back: 0 } as const;
  const { answers } = await askWhole(source, { kind: "show", point });
  const asked = answers.flatMap((one) => one.type === "record" && one.role === "asked" ? one : []);
  assertEquals(wholeRecords(asked.map((one) => one.record)), [record]);
  if (record.type !== "abort") return;
  const cause = answers.find((one) => one.type === "record" && one.role === "cause");
  assert(cause?.type === "record" && cause.record.number < record.number);
}
