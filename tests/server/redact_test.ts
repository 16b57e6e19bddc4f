/** `--redact` of a real daemon: no file and no output has a hidden value but the store, which has the present one alone. */
import { assert, assertEquals } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { attempt, namesIn } from "../../lib/files.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toText } from "../../lib/wire/text.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { until } from "../support/patience.ts";
import type { ServerProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { makeScratch } from "../support/scratch.ts";

const FIRST = "s3cret-of-old", SECOND = "s3cret-of-then", PRESENT = "s3cret-of-now";
const REMOVED = "s3cret-that-went", RELATIVE = "s3cret-at-home", ABORTED = "s3cret-in-vain";
const SECRETS = [FIRST, SECOND, PRESENT, REMOVED, RELATIVE, ABORTED];
const REDACT = ["--redact", "/vault/*", "--redact", "/local/domain/0/data/pin"];

/** What was printed and written, by what it is. */
type Traces = Map<string, string>;

function contentOf(path: string): string {
  return toText(Deno.readFileSync(path));
}

async function xs(socket: string, ...args: string[]): Promise<string> {
  const shell = fakeShell(args, { env: { XENSTORED_PATH: socket } });
  const status = await runApp(shell);
  // Differences are no failure.
  assertEquals(status, args[0] === "diff" ? 1 : 0, `${args.join(" ")}: ${shell.printed.err}`);
  return shell.printed.out;
}

/** Writes, overwrites and removes the values, also in transactions, and reads them. */
async function useSecrets(socket: string): Promise<void> {
  await using client = await RawClient.connect(socket);
  await using other = await RawClient.connect(socket);
  const ask = async (who: RawClient, type: number, text: string, txId = 0): Promise<string> => {
    const replies = await who.exchange({ type, txId, payload: new TextEncoder().encode(text) });
    return replies.findLast((reply) => reply.type !== T.WATCH_EVENT)!.text;
  };
  await ask(other, T.WATCH, "/vault\0token\0");
  await ask(client, T.WRITE, `/vault/a\0${FIRST}`);
  assertEquals(await ask(client, T.READ, "/vault/a\0"), FIRST);
  await ask(client, T.WRITE, `/vault/a\0${SECOND}`);
  await ask(client, T.WRITE, `/vault/b\0${REMOVED}`);
  await ask(client, T.RM, "/vault/b\0");
  await ask(client, T.WRITE, `data/pin\0${RELATIVE}`);
  await ask(client, T.RM, "data/pin\0");
  const aborted = parseInt(await ask(client, T.TRANSACTION_START, "\0"));
  await ask(client, T.READ, "/vault/a\0", aborted);
  await ask(client, T.WRITE, `/vault/a\0${ABORTED}`, aborted);
  const done = parseInt(await ask(other, T.TRANSACTION_START, "\0"));
  await ask(other, T.WRITE, `/vault/a\0${PRESENT}`, done);
  assertEquals(await ask(other, T.TRANSACTION_END, "T\0", done), "OK\0");
  assertEquals(await ask(client, T.TRANSACTION_END, "T\0", aborted), "EAGAIN\0");
}

/** All that looks back, as a user would. */
async function lookBack(socket: string, folder: string): Promise<Traces> {
  const traces: Traces = new Map();
  const note = async (...args: string[]): Promise<string> => {
    const out = await xs(socket, ...args);
    traces.set(args.join(" "), out);
    return out;
  };
  const json = await note("log", "--json");
  const numbers = json.trim().split("\n").map((line) => JSON.parse(line))
    .filter(({ type }) => type === "commit" || type === "abort").map(({ number }) => number);
  for (const number of numbers) {
    await note("show", `${number}`);
    await note("dump", "--at", `#${number}`, "--format", "text");
  }
  await note("log");
  await note("log", "--format", "git-fast-import");
  await note("blame", "-r", "/vault");
  await note("blame", "-r", "--deleted", "/vault");
  await note("ls", "--at", `#${numbers.at(-1)}`, "/vault");
  await note("read", "--at", `#${numbers.at(-1)}`, "/vault/a");
  await note("diff", `#${numbers[0]}`, `#${numbers.at(-1)}`);
  traces.set("recording", contentOf(`${folder}/recording`));
  traces.set("the recording as text", await xs(socket, "trace", `${folder}/recording`));
  for (const name of namesIn(folder)) {
    if (name === "trace" || name.startsWith("store.history")) {
      traces.set(name, contentOf(`${folder}/${name}`));
    }
  }
  return traces;
}

/** Serves in a folder and records all messages of what is done there. */
async function record(folder: string, args: readonly string[]): Promise<Traces> {
  await using daemon = await serve(folder, args);
  const [command, ...words] = xsCommand(), file = `${folder}/recording`;
  const recorder = new Deno.Command(command, {
    args: [...words, "trace", "--socket", daemon.socketPath, "--write", file],
    stdout: "null",
    stderr: "null",
  }).spawn();
  await until("the recording", () => attempt(() => Deno.statSync(file).size > 0, false));
  await useSecrets(daemon.socketPath);
  await until("the last message", () => contentOf(file).includes("EAGAIN"));
  recorder.kill("SIGINT");
  await recorder.status;
  const traces = await lookBack(daemon.socketPath, folder);
  Deno.kill(daemon.pid, "SIGKILL");
  await daemon.status;
  return traces.set("the log", daemon.output());
}

async function serve(folder: string, args: readonly string[]): Promise<ServerProcess> {
  const files = ["--store", `${folder}/store`, "--trace-file", `${folder}/trace`];
  const all = [...files, "--log-level", "debug", "--history", "1M,1d", ...args];
  return await startDaemon({ socket: `${folder}/socket`, args: all });
}

Deno.test("redact: hidden values are in the store alone, and there no longer than they are present", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  const traces = await record(path, REDACT);
  for (const [what, text] of traces) {
    assert(text.length > 0 || what === "store.history-wal", `${what} is empty`);
    for (const secret of SECRETS) assert(!text.includes(secret), `${what} has ${secret}`);
  }
  // The next daemon does at once what the one that was killed had to do within a minute.
  await using _daemon = await serve(path, REDACT);
  const store = (): string[] => namesIn(path).filter((name) => /^store(-wal|\.tail)?$/.test(name));
  assertEquals(store().length, 3);
  const isIn = (secret: string) => (name: string): boolean =>
    contentOf(`${path}/${name}`).includes(secret);
  const overwritten = [FIRST, SECOND, REMOVED, RELATIVE, ABORTED];
  await until("what was overwritten to go", () => {
    const left = overwritten.filter((secret) => store().some(isIn(secret)));
    return left.length === 0;
  });
  assert(store().some(isIn(PRESENT)), "the present value is kept");
  const others = namesIn(path).filter((name) => /^(store\.history|trace|recording)/.test(name));
  for (const name of others) for (const secret of SECRETS) assert(!isIn(secret)(name), name);
});

Deno.test("redact: without it the same traces have the values", async () => {
  await using scratch = await makeScratch();
  const traces = await record(scratch.path, []);
  const shows = (what: string, secret: string): void =>
    assert(traces.get(what)!.includes(secret), `${what} has no ${secret}`);
  const places = ["trace", "recording", "the recording as text", "log --json", "log"];
  for (const what of places) for (const secret of [FIRST, SECOND]) shows(what, secret);
  shows("log --format git-fast-import", FIRST);
  shows("blame -r /vault", PRESENT);
});
