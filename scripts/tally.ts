/** How many tests passed, failed and were skipped. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function add(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

/** What a check without tests of its own counts as: one test. */
export function single(success: boolean): Tally {
  return { passed: success ? 1 : 0, failed: success ? 0 : 1, skipped: 0 };
}

/**
 * Reads the closing line of `deno test`, such as `ok | 3 passed (4 steps) | 0 failed | 1 ignored`,
 * or of the emulated Xen host, such as `xen host with xs: 212 passed, 0 failed, 0 skipped, 231 s`.
 * A run that went wrong without saying so, or that ran nothing, counts as one failure.
 */
export function tallyOf(output: string, success: boolean): Tally {
  const host = /^xen host with \w+: (\d+) passed, (\d+) failed, (\d+) skipped/m.exec(output);
  if (host !== null) return heard(host.slice(1), success);
  const line = /^(?:ok|FAILED) \| (\d+) passed[^|]*\| (\d+) failed(?:[^|]*\| (\d+) ignored)?/gm;
  const last = [...output.matchAll(line)].at(-1);
  if (last === undefined) return single(false);
  return heard(last.slice(1), success);
}

function heard(figures: readonly (string | undefined)[], success: boolean): Tally {
  const [passed, failed, skipped] = figures.map((digits) => Number(digits ?? 0));
  const tally = { passed: passed ?? 0, failed: failed ?? 0, skipped: skipped ?? 0 };
  const silent = tally.failed === 0 && (!success || tally.passed + tally.skipped === 0);
  return silent ? add(tally, single(false)) : tally;
}

/** A line that says that a test begins, or how it ended: `name ... ok (3ms)`. */
const TEST_LINE = /^\s*(\S.*?) \.\.\.(?: (?:(ok|FAILED|ignored)\b.*)?)?$/gm;

/** The test that a cut output of `deno test` leaves unfinished, or null. */
export function lastBegun(output: string): string | null {
  const last = [...output.matchAll(TEST_LINE)].at(-1);
  return last === undefined || last[2] !== undefined ? null : last[1]!;
}

/** The tests that failed, by the lines of `deno test` or of the emulated Xen host. */
export function failedTests(output: string): string[] {
  const names = [...output.matchAll(TEST_LINE)]
    .filter(([, , outcome]) => outcome === "FAILED").map(([, name]) => name!);
  for (const [, name] of output.matchAll(/^ *\d+ s +not ok (.*)$/gm)) names.push(name!);
  return [...new Set(names)];
}

/** A line of a test that is skipped, as tests/support/skip.ts prints it. */
const SKIPPED_LINE = /^skipped: .*$/gm;

/** The packages that a reason names, such as `no /usr/bin/gcc: apt-get install gcc libc6-dev`. */
const PACKAGES = /: apt-get install ((?:[a-z0-9][a-z0-9+.-]+ ?)+)$/;

/** Why tests were skipped, by the lines of all checks. */
export class Skips {
  readonly #packages = new Set<string>();
  #others = 0;

  /** Reads a check's output. */
  read(output: string): void {
    for (const [line] of output.matchAll(SKIPPED_LINE)) {
      const packages = PACKAGES.exec(line)?.[1]?.trim().split(" ");
      if (packages === undefined) this.#others++;
      for (const name of packages ?? []) this.#packages.add(name);
    }
  }

  /** One line that says what would run them; null when none was skipped. */
  line(count: number): string | null {
    if (count === 0) return null;
    const packages = [...this.#packages].sort().join(" ");
    const advice = packages === "" ? [] : [`to run them: apt-get install ${packages}`];
    const others = this.#others === 0
      ? []
      : [`see the lines "skipped:" for ${this.#others} of them`];
    return [`${count} skipped`, ...advice, ...others].join("; ");
  }
}

/** The closing line; in CI a skip is a failure, as everything can be installed. */
export function closing(tally: Tally, ci: boolean): { line: string; success: boolean } {
  const failed = tally.failed + (ci ? tally.skipped : 0);
  const skipped = ci || tally.skipped === 0 ? "" : `, ${tally.skipped} skipped`;
  return { line: `${tally.passed} passed, ${failed} failed${skipped}`, success: failed === 0 };
}
