/**
 * Everything that is checked, on a machine with nothing but Deno: formatting, lint, types, the
 * binary, the examples in the documentation, all tests. What a machine lacks (Debian's Xenstore
 * daemons, a C compiler) makes tests skip, each with a line that says why; with CI=true a skip is
 * a failure. Ends with one line, `N passed, N failed`.
 */
import { type Check, Curtain, type Ended, RunningCheck, writeAll } from "./check.ts";
import { add, closing, failedTests, single, Skips, type Tally, tallyOf } from "./tally.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const BINARY = `${ROOT}build/xs`;
const IS_CI = Deno.env.get("CI") === "true";

/**
 * When whatever still runs is ended and counts as failed, in minutes: who started us, such as CI,
 * is to learn from us what hangs before it gives up on us.
 */
const LIMIT_MIN = IS_CI ? 25 : 60;

const CHECKS: readonly Check[] = [
  { name: "formatting", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  { name: "types", args: ["check", "--quiet"] },
  { name: "binary", args: ["run", "-A", "scripts/compile.ts", "-o", BINARY] },
  {
    name: "examples",
    args: [
      ...["test", "-A", "--doc", "--ignore=**/*_test.ts"],
      ...["mod.ts", "client.ts", "wire.ts", "testing.ts", "lib", "README.md", "docs"],
    ],
    tests: true,
  },
];

const TESTS: Check = {
  name: "tests",
  args: ["test", "--no-check", "-A", "cmd", "ffi", "lib", "scripts", "tests"],
  tests: true,
};

/**
 * Boots a Xen host in emulation, which takes minutes: in CI, and for who asks by XS_XEN_HOST=1. Its
 * clock goes by what its processor has done, whatever else this machine does. `deno task test:xen`
 * kills the daemon ten times instead of three, and has a guest flood its ring for a minute.
 */
const XEN_HOST: Check = {
  name: "xen host",
  args: [
    ...[
      "run",
      "-A",
      "tests/xen-host/main.ts",
      "--boot",
      "rig",
      "--clock",
      "work",
      "--kills",
      "3",
      "--flood",
      "20",
    ],
    // It ends by itself then, and shows its console, before it is ended from here.
    ...["--limit", `${(LIMIT_MIN - 3) * 60}`],
  ],
  tests: true,
};

class Run {
  readonly #begun = performance.now();
  readonly #running = new Set<RunningCheck>();
  readonly #failed: string[] = [];
  readonly #skips = new Skips();
  #total: Tally = { passed: 0, failed: 0, skipped: 0 };
  #isLate = false;

  /** Ends what hangs, and everything when this process is told to end. */
  watch(): void {
    const timer = setTimeout(() => {
      this.#isLate = true;
      console.log(`\nnot done after ${LIMIT_MIN} minutes`);
      for (const check of this.#running) this.#fails(check.kill());
    }, LIMIT_MIN * 60_000);
    Deno.unrefTimer(timer);
    for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
      Deno.addSignalListener(signal, () => {
        for (const check of this.#running) check.kill();
        Deno.exit(status);
      });
    }
  }

  async one(check: Check): Promise<void> {
    announce(check);
    this.#count(check, await this.#start(check, writeAll));
  }

  /**
   * The tests, and the Xen host beside them: it takes one processor for most of the time, they wait
   * for others as often as they work.
   */
  async both(): Promise<void> {
    const curtain = new Curtain();
    const host = this.#start(XEN_HOST, curtain.show);
    await this.one({ ...TESTS, patient: true });
    announce(XEN_HOST);
    curtain.open();
    this.#count(XEN_HOST, await host);
  }

  #start(check: Check, show: (chunk: Uint8Array) => void): Promise<Ended> {
    if (this.#isLate) return Promise.resolve({ output: "", success: false });
    const running = new RunningCheck(check, ROOT, { NO_COLOR: "1", XS_BINARY: BINARY }, show);
    this.#running.add(running);
    return running.ended.finally(() => this.#running.delete(running));
  }

  #count(check: Check, { output, success }: Ended): void {
    const tally = check.tests === true ? tallyOf(output, success) : single(success);
    this.#total = add(this.#total, tally);
    this.#skips.read(output);
    const seconds = Math.round((performance.now() - this.#begun) / 1000);
    console.log(`== ${check.name}: done ${seconds} s after the start`);
    if (tally.failed > 0) this.#fails([check.name, ...failedTests(output)].join("\n    "));
  }

  #fails(what: string): void {
    this.#failed.push(what);
  }

  /** Says what failed, and the closing line; returns the exit status. */
  close(): number {
    if (this.#failed.length > 0) console.log(`\nfailed:\n  ${this.#failed.join("\n  ")}`);
    const skipped = this.#skips.line(this.#total.skipped);
    if (skipped !== null) console.log(`\n${skipped}`);
    const { line, success } = closing(this.#total, IS_CI);
    console.log(`\n${line}`);
    return success ? 0 : 1;
  }
}

function announce({ args, name }: Check): void {
  console.log(`\n== ${name}: deno ${args.join(" ")}`);
}

async function main(): Promise<number> {
  const run = new Run();
  run.watch();
  for (const check of CHECKS) await run.one(check);
  if (IS_CI || Deno.env.get("XS_XEN_HOST") === "1") await run.both();
  else await run.one(TESTS);
  return run.close();
}

Deno.exit(await main());
