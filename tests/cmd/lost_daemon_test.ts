/** A daemon that ends, or is stopped, at any moment of any command: one line that says so. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { runStock } from "../../cmd/stock/tools.ts";
import { runStockControl } from "../../cmd/stock/control.ts";
import { Client } from "../../lib/client/client.ts";
import { surroundings } from "../../lib/client/socket_path.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { startDaemon } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { type Cut, CutServer } from "./cut_server.ts";
import { fakeShell } from "../support/fake_shell.ts";

/** What must never come out: the runtime's texts, and anything twice. */
const RUNTIME =
  /os error|Uncaught|\bat .*:\d+|\.ts\b|\[object|internal error|\((E[A-Z]+)\).*\(\1\)/;

/** Commands without a limit of their own. */
const WAITING = new Set(["watch", "wait", "restore"]);

interface Row {
  readonly words: readonly string[];
  readonly stdin?: string;
  /** The exit status of trouble. */
  readonly trouble?: number;
  /** What it does last does not matter to its outcome: it removes its watches. */
  readonly cleansUp?: boolean;
}

const script = "read /a/b\nwrite /a/e 1\nlist /a\ncheck /a and /a/b\n";

const rows: readonly Row[] = [
  { words: ["xs", "read", "/a/b"] },
  { words: ["xs", "read", "/a/b", "/a/c"] },
  { words: ["xs", "--json", "read", "/a/b", "/a/c"] },
  { words: ["xs", "write", "/a/b", "1"] },
  { words: ["xs", "write", "/a/b", "1", "/a/d", "2"] },
  { words: ["xs", "write", "--from", "-", "/a/b"] },
  { words: ["xs", "ls", "/a", "/x"] },
  { words: ["xs", "ls", "-p"] },
  { words: ["xs", "ls", "--json", "/a/b"] },
  { words: ["xs", "list", "/a"] },
  { words: ["xs", "rm", "-t", "/gone/deep", "/gone/other"] },
  { words: ["xs", "mkdir", "/a/m", "/a/n"] },
  { words: ["xs", "exists", "/a/b", "/a/c"] },
  { words: ["xs", "exists", "--json", "/a/b", "/a/c"] },
  { words: ["xs", "chmod", "-r", "-u", "/a/c", "n0", "r5"] },
  { words: ["xs", "watch", "-n", "2", "/a", "/x"] },
  { words: ["xs", "wait", "/a and /x"], cleansUp: true },
  { words: ["xs", "tx"], stdin: script },
  { words: ["xs", "control", "print", "hello"] },
  { words: ["xs", "control", "live-update", "-a"] },
  { words: ["xs", "status"] },
  { words: ["xs", "getpath", "1"] },
  { words: ["xs", "introduced", "0"] },
  { words: ["xs", "dump", "--format", "text"] },
  { words: ["xs", "restore", "live", "--dry-run", "--into", "live"] },
  { words: ["xs", "diff", "live", "live"], trouble: 2 },
  { words: ["xenstore-read", "/a/b", "/a/c"] },
  { words: ["xenstore-write", "/a/b", "1"] },
  { words: ["xenstore-ls", "-p", "/"] },
  { words: ["xenstore-list", "/a"] },
  { words: ["xenstore-rm", "-t", "/gone/deep"] },
  { words: ["xenstore-exists", "/a/b"] },
  { words: ["xenstore-chmod", "-r", "/a/c", "n0"] },
  { words: ["xenstore-watch", "-n", "2", "/a", "/x"] },
  { words: ["xenstore-control", "print", "hello"], trouble: 3 },
  { words: ["xenstore-control", "live-update", "/nope"], trouble: 3 },
];

interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function run({ words, stdin }: Row, socket: string, timeout: number): Promise<Outcome> {
  const [program, ...args] = words;
  const shell = fakeShell(args, {
    program: program!,
    env: { XENSTORED_PATH: socket },
    exists: surroundings.exists,
    stdin: toBytes(stdin ?? "value"),
    timeout,
  });
  const main = program === "xs"
    ? runApp
    : program === "xenstore-control"
    ? runStockControl
    : runStock;
  return { status: await main(shell), ...shell.printed };
}

function assertSaid(row: Row, outcome: Outcome, cut: Cut): void {
  const about = `${row.words.join(" ")}: ${JSON.stringify(outcome)}`;
  const { err, out, status } = outcome;
  if (row.cleansUp === true && status === 0) return assertEquals(err, "", about);
  assertEquals(status, row.trouble ?? 1, about);
  assertEquals(RUNTIME.exec(`${out}${err}`), null, about);
  assertEquals(err.split("\n").length, 2, about);
  const [program, command] = row.words;
  const what = cut === "ends" ? "closed the connection" : "did not answer within";
  if (err.startsWith("{")) assertMatch(err, new RegExp(what), about);
  else {
    const name = program === "xs" ? `xs: ${command === "--json" ? "read" : command}` : program;
    assertMatch(err, new RegExp(`^${name}[ :].*${what}`), about);
  }
}

Deno.test("a daemon that ends or is stopped behind any reply is told of in one line", async () => {
  await using daemon = await startDaemon();
  await using scratch = await makeScratch();
  await using client = await Client.connect({ socket: daemon.socketPath });
  let servers = 0;
  const fill = async (): Promise<void> => {
    const paths = ["/a/b", "/a/c/d", "/x/y", "/gone/deep", "/gone/other"];
    await Promise.all(paths.map((path) => client.write(path, "value")));
  };
  for (const row of rows) {
    const newPath = (): string => `${scratch.path}/cut-${++servers}`;
    let stages = 0;
    for (let reached = true; reached; stages += +reached) {
      await fill();
      const path = newPath();
      using server = new CutServer(path, daemon.socketPath, "ends", stages);
      const outcome = await run(row, path, 60_000);
      reached = server.reached;
      if (reached) assertSaid(row, outcome, "ends");
    }
    assert(stages > 0, row.words.join(" "));
    for (let stage = 0; stage < stages; stage++) {
      await fill();
      const path = newPath();
      using server = new CutServer(path, daemon.socketPath, "is silent", stage);
      const [program, command, ...more] = row.words;
      const words = WAITING.has(command!) || more[0] === "live-update"
        ? [program!, command!, "--timeout", "30ms", ...more]
        : row.words;
      const outcome = await run({ ...row, words }, path, 30);
      // A job is asked about until it is done, more or less often; and a busy machine may be late.
      const isDone = !server.reached && outcome.status === 0;
      if (!isDone) assertSaid({ ...row, words }, outcome, "is silent");
    }
  }
});
