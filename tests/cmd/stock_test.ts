import { assertEquals } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { runStock } from "../../cmd/stock/tools.ts";
import { runStockControl } from "../../cmd/stock/control.ts";
import { surroundings } from "../../lib/client/socket_path.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { referenceMissing, startReference } from "../support/reference/daemon.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import type { ServerProcess } from "../support/process.ts";
import { testUnless } from "../support/skip.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { Random, testSeed } from "../support/random.ts";
import { makeStaleSocket } from "../support/stale_socket.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { dumpStore, fillStore } from "./stock_store.ts";
import {
  changingRows,
  controlRows,
  posixRows,
  readingRows,
  type Row,
  usageRows,
  wordsOf,
} from "./stock_table.ts";

const DEBIAN_TOOL = "/usr/bin/xenstore";
const DEBIAN_CONTROL = "/usr/lib/xen-4.17/bin/xenstore-control";

interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

type Env = Readonly<Record<string, string>>;

/** A word for bash, whatever its bytes. */
function quote(word: string): string {
  const escaped = word.replace(
    /[^A-Za-z0-9/_.=-]/g,
    (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
  return `$'${escaped}'`;
}

/** Runs a program under another name, in an environment of only `env`. */
async function spawn(
  command: readonly string[],
  words: readonly string[],
  env: Env,
): Promise<Outcome> {
  const [name, ...args] = words;
  const line = ["exec", "-a", name!, ...command, ...args].map(quote).join(" ");
  const { code, stdout, stderr } = await new Deno.Command("/bin/bash", {
    args: ["-c", line.replace("$'exec'", "exec")],
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", HOME: Deno.env.get("HOME") ?? "/", ...env },
    stdin: "null",
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).output();
  return { status: code, out: toText(stdout), err: toText(stderr) };
}

/** Our tool, in this process: what the binary does after it has seen its name. */
async function runHere(words: readonly string[], env: Env): Promise<Outcome> {
  const [program, ...args] = words;
  const shell = fakeShell(args, { program: program!, env, exists: surroundings.exists });
  const run = program!.endsWith("xenstore-control") ? runStockControl : runStock;
  const status = await run(shell);
  return { status, ...shell.printed };
}

/** Our tool: the binary that XS_BINARY names, else in this process. */
function runOurs(words: readonly string[], env: Env): Promise<Outcome> {
  const binary = Deno.env.get("XS_BINARY");
  return binary ? spawn([binary], words, env) : runHere(words, env);
}

function runDebians(words: readonly string[], env: Env): Promise<Outcome> {
  const control = words[0]!.endsWith("xenstore-control");
  return spawn([control ? DEBIAN_CONTROL : DEBIAN_TOOL], words, env);
}

async function missingFile(path: string, debianPackage: string): Promise<string | undefined> {
  const found = await Deno.stat(path).then(() => true, () => false);
  return found ? undefined : `no ${path} (Debian: ${debianPackage})`;
}

const noTool = await missingFile(DEBIAN_TOOL, "xenstore-utils");
const noControl = await missingFile(DEBIAN_CONTROL, "xen-utils-4.17");
const noScript = await missingFile("/usr/bin/script", "bsdutils");
const noPeers = await referenceMissing();

/** Two daemons with equal stores: one for Debian's tools, one for ours. */
interface Pair extends AsyncDisposable {
  readonly theirs: string;
  readonly ours: string;
  readonly clients: readonly [Client, Client];
}

async function startPair(
  start: () => Promise<ServerProcess> = startDaemon,
  width?: number,
): Promise<Pair> {
  const [theirs, ours] = await Promise.all([start(), start()]);
  const connect = (socket: string): Promise<Client> => Client.connect({ socket });
  const clients = [await connect(theirs.socketPath), await connect(ours.socketPath)] as const;
  for (const client of clients) await fillStore(client, width);
  return {
    theirs: theirs.socketPath,
    ours: ours.socketPath,
    clients,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const client of clients) client.close();
      await Promise.all([theirs.stop(), ours.stop()]);
    },
  };
}

async function compareRows(pair: Pair, rows: readonly Row[], env: Env = {}): Promise<void> {
  for (const row of rows) {
    const words = wordsOf(row);
    const [debian, xs] = await Promise.all([
      runDebians(words, { ...env, XENSTORED_PATH: pair.theirs }),
      runOurs(words, { ...env, XENSTORED_PATH: pair.ours }),
    ]);
    assertEquals(xs, debian, `${words.map(quote).join(" ").slice(0, 300)}`);
  }
}

interface DaemonKind {
  readonly name: string;
  readonly missing: string | undefined;
  /** Children of the widest node. */
  readonly width?: number;
  start(): Promise<ServerProcess>;
}

const daemons: readonly DaemonKind[] = [
  { name: "xs serve", missing: undefined, start: startDaemon },
  { name: "C xenstored", missing: noPeers, start: () => startReference("c") },
  // It sends listings of more than 4096 bytes over sockets: ours reads them, libxenstore does not.
  { name: "oxenstored", missing: noPeers, width: 200, start: () => startReference("o") },
];

for (const { name, missing, width, start } of daemons) {
  const title = `on ${name}, the drop-ins print and return what Debian's tools do`;
  testUnless(noTool ?? missing, title, async (t) => {
    await using pair = await startPair(start, width);
    await t.step("reading", () => compareRows(pair, readingRows));
    await t.step("options end at operands", async () => {
      await compareRows(pair, posixRows, { POSIXLY_CORRECT: "1" });
    });
    await t.step("changing", async () => {
      await compareRows(pair, changingRows);
      const [theirs, ours] = await Promise.all(pair.clients.map(dumpStore));
      assertEquals(ours, theirs);
    });
  });
}

testUnless(noTool, "wrong usage of the drop-ins is told as Debian's tools tell it", async () => {
  await using pair = await startPair();
  await compareRows(pair, usageRows);
});

testUnless(noControl, "xenstore-control prints and returns what Debian's does", async () => {
  await using pair = await startPair();
  await compareRows(pair, controlRows);
});

testUnless(
  noTool,
  "values with escapes at random are stored as Debian's xenstore-write stores them",
  async () => {
    await using pair = await startPair();
    const random = new Random(testSeed());
    const pieces = [
      "\\",
      "\\x",
      "\\0",
      "\\1",
      "7",
      "8",
      "f",
      "g",
      "+",
      "-",
      "0x",
      " ",
      "\t",
      "n",
      "\xe9",
    ];
    for (let round = 0; round < 20; round++) {
      const words = ["xenstore-write", "--"];
      for (let i = 0; i < 25; i++) {
        const value = Array.from({ length: random.below(7) }, () => random.pick(pieces)).join("");
        words.push(`/fuzz/v${i}`, value);
      }
      await compareRows(pair, [words]);
      const [theirs, ours] = await Promise.all(
        pair.clients.map((client) =>
          Promise.all(Array.from({ length: 25 }, (_, i) => client.read(`/fuzz/v${i}`)))
        ),
      );
      assertEquals(texts(ours!), texts(theirs!), `XS_SEED=${random.seed}, round ${round}`);
    }
  },
);

function texts(values: readonly Uint8Array[]): string[] {
  return values.map((value) => toText(value));
}

testUnless(noTool, "without a daemon the drop-ins say what Debian's tools say", async () => {
  await using scratch = await makeScratch();
  const stale = `${scratch.path}/stale`;
  await makeStaleSocket(stale);
  const envs: Env[] = [
    { XENSTORED_PATH: `${scratch.path}/nope` },
    { XENSTORED_PATH: scratch.path },
    { XENSTORED_PATH: stale },
    { XENSTORED_RUNDIR: scratch.path },
  ];
  for (const env of envs) {
    for (const words of [["xenstore-read", "/a"], ["xenstore-ls"], ["xenstore-read"]]) {
      const [debian, xs] = [await runDebians(words, env), await runOurs(words, env)];
      assertEquals(xs, debian, `${JSON.stringify(env)} ${words}`);
    }
  }
});

testUnless(
  noTool,
  "the program itself takes its mode from its name and its arguments as bytes",
  async () => {
    await using pair = await startPair();
    const rows: Row[] = [
      "xenstore-ls -p /widths",
      "xenstore read -R /awkward/all",
      "/somewhere/xenstore-read /nope",
      ["xenstore-write", "/new/bytes", "\xff\xfe\\x00"],
      "xenstore-read -R /new/bytes",
      ["xenstore-read", "/\xff"],
      "xenstore-exists /nope",
    ];
    for (const row of rows) {
      const words = wordsOf(row);
      const debian = await runDebians(words, { XENSTORED_PATH: pair.theirs });
      const env = { XENSTORED_PATH: pair.ours, PATH: Deno.env.get("PATH") ?? "" };
      assertEquals(await spawn(xsCommand(), words, env), debian, words.join(" "));
    }
  },
);

testUnless(noTool ?? noScript, "on a terminal, ls cuts to its width as Debian's does", async () => {
  await using pair = await startPair();
  const line = `stty cols 44; ${DEBIAN_TOOL} ls -p /widths`;
  const { stdout } = await new Deno.Command("/usr/bin/script", {
    args: ["-qec", line, "/dev/null"],
    env: { XENSTORED_PATH: pair.theirs },
    stdin: "null",
  }).output();
  const shell = fakeShell(["ls", "-p", "/widths"], {
    program: "xenstore",
    env: { XENSTORED_PATH: pair.ours },
    columns: 44,
  });
  assertEquals(await runStock(shell), 0);
  assertEquals(toBytes(shell.printed.out), toBytes(toText(stdout).replaceAll("\r\n", "\n")));
});
