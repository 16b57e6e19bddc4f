import type { Attack } from "../../tests/support/attack/attacks.ts";
import type { Told } from "../../tests/support/attack/probes.ts";
import { table } from "../report.ts";
import type { FileBytes } from "./footprint.ts";
import type { Result, Waits } from "./play.ts";

/** What one attack did, a row for each thing seen and a column for each daemon. */
export function attackTable(attack: Attack, results: readonly Result[]): string {
  const head = [attack.name, ...results.map(({ contender }) => contender)];
  const rows: string[][] = [];
  for (const name of results[0]?.waits.keys() ?? []) {
    rows.push([
      `${name}: p50, p99, worst in ms`,
      ...results.map((result) => waits(result.waits.get(name))),
    ]);
  }
  const row = (name: string, cell: (result: Result) => string): void => {
    rows.push([name, ...results.map(cell)]);
  };
  row(
    "dom0's transactions: commits of ends, longest row of EAGAIN",
    ({ commits, ends, longestRow }) => `${commits} of ${ends}, ${longestRow}`,
  );
  for (const [what, name] of [["state", "state files"], ["history", "history's files"]] as const) {
    row(
      `${name} in MB: before, peak, after`,
      ({ files: { before, peak, after } }) => megabytes(before[what], peak[what], after[what]),
    );
  }
  if (results.some(({ told }) => told.peak !== null)) {
    row("state files in percent of four images and 16 MiB: peak, after", ({ files, told }) => {
      const { peak, after } = told;
      return [partOf(files.peak, peak), partOf(files.after, after)].join(", ");
    });
  }
  row(
    "resident memory in MB: before, peak, after",
    ({ memoryBefore, memoryPeak, memoryAfter }) => megabytes(memoryBefore, memoryPeak, memoryAfter),
  );
  for (const what of ["heap", "external", "charged"] as const) {
    if (results.every(({ told }) => told.before === null)) continue;
    row(`${what} in MB, as xs tells: before, peak, after`, ({ told }) => {
      const { before, peak, after } = told;
      if (before === null) return "";
      return [before, peak, after].map((one) => one === null ? "-" : megabytes(one[what]))
        .join(", ");
    });
  }
  if (results.some(({ again }) => again !== null)) {
    row(
      "the same attack again, resident memory in MB: peak, after",
      ({ again }) => again === null ? "-" : megabytes(again.memoryPeak, again.memoryAfter),
    );
    for (const what of ["heap", "external"] as const) {
      row(`its ${what} in MB: peak, after`, ({ again }) => {
        const { peak = null, after = null } = again?.told ?? {};
        return [peak, after].map((one) => one === null ? "-" : megabytes(one[what])).join(", ");
      });
    }
  }
  row("log in KB", ({ logBytes }) => (logBytes / 1e3).toFixed(1));
  row(
    "attackers' replies a second, the daemon's processor time for each in us",
    ({ rate, replyUs }) => `${rate.toFixed(0)}, ${replyUs.toFixed(2)}`,
  );
  row("their error replies", ({ errors }) => counts(errors));
  row("attackers disconnected", ({ disconnected }) => `${disconnected}`);
  row(
    "dom0 writes again after, in ms",
    ({ writableAfter }) => writableAfter?.toFixed(0) ?? "never",
  );
  row("how late the quiet clients were themselves at most, in ms", ({ late }) => late.toFixed(2));
  row(
    "without a processor: attackers, daemon, in ms",
    ({ loopStarved, starved }) => `${loopStarved.toFixed(0)}, ${starved.toFixed(0)}`,
  );
  if (results.some(({ stopped }) => stopped !== null)) {
    row("stopped early by", ({ stopped }) => stopped ?? "");
  }
  return `### ${attack.name}: ${attack.summary}\n\n${table(head, rows)}\n`;
}

/** All attacks of a run: a row for each daemon. Peak and rest are parted by an arrow. */
export function summaryTable(results: readonly Result[]): string {
  const head = [
    "attack",
    "daemon",
    "quiet guest, ms",
    "quiet socket, ms",
    "dom0's ring, ms",
    "commits, longest row of EAGAIN",
    "files, MB",
    "resident, MB",
    "log, KB",
  ];
  const rows = results.map((result) => [
    result.attack,
    result.contender,
    waits(result.waits.get("quiet guest")),
    waits(result.waits.get("quiet socket")),
    waits(result.waits.get("dom0 ring")),
    `${result.commits} of ${result.ends}, ${result.longestRow}`,
    `${megabytes(result.files.peak.state)} -> ${megabytes(result.files.after.state)}`,
    result.stopped ??
      `${megabytes(result.memoryPeak)} -> ${megabytes(result.memoryAfter)}${againText(result)}`,
    (result.logBytes / 1e3).toFixed(1),
  ]);
  return `### All attacks\n\nWaits: p50, p99, worst. Sizes: peak -> after.\n\n${
    table(head, rows)
  }\n`;
}

function againText({ again }: Result): string {
  if (again === null) return "";
  return ` -> ${megabytes(again.memoryPeak)} -> ${megabytes(again.memoryAfter)}`;
}

function waits(seen: Waits | undefined): string {
  if (seen === undefined || seen.count === 0) return "none";
  return [seen.p50, seen.p99, seen.worst].map(milliseconds).join(", ");
}

/** Three figures that tell microseconds from seconds. */
function milliseconds(value: number): string {
  return value < 10 ? value.toFixed(3) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}

/** State files in percent of what they may be; an image takes as much as is charged. */
function partOf({ state }: FileBytes, told: Told | null): string {
  if (told === null) return "-";
  return (100 * state / (4 * told.charged + 16 * 1_048_576)).toFixed(0);
}

function megabytes(...values: readonly number[]): string {
  return values.map((value) => (value / 1e6).toFixed(1)).join(", ");
}

function counts(errors: ReadonlyMap<string, number>): string {
  return [...errors].map(([word, count]) => `${word} ${count}`).join(", ") || "none";
}
