/** Daemons that can't take over: the one that runs says why, and goes on as if nothing had been. */
import { assertEquals, assertMatch } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import type { ServerProcess } from "../support/process.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { command, type Next, update } from "../support/operator.ts";

/** A script with these lines, which claims to be an xs. */
async function script(scratch: Scratch, name: string, ...lines: string[]): Promise<string> {
  const path = `${scratch.path}/${name}`;
  await Deno.writeTextFile(
    path,
    ["#!/bin/sh", "# xs-live-update-trial-1", ...lines, ""].join("\n"),
    { mode: 0o755 },
  );
  return path;
}

function descriptors(daemon: ServerProcess): number {
  return [...Deno.readDirSync(`/proc/${daemon.pid}/fd`)].length;
}

async function ask(client: RawClient, type: number, text: string): Promise<string[]> {
  const payload = toBytes(text.replaceAll(".", "\0"));
  const messages = await client.exchange({ type, txId: 0, payload });
  return messages.map((message) => message.text.replaceAll("\0", "."));
}

interface Case {
  readonly name: string;
  readonly next: (scratch: Scratch, socket: string) => Promise<Next> | Next;
  readonly reply: RegExp;
}

const [XS, ...XS_WORDS] = xsCommand();

const CASES: readonly Case[] = [
  {
    name: "a file that is not there",
    next: () => ({ file: "/nonexistent/xs" }),
    reply: /^File not accessible\.$/,
  },
  {
    name: "a file that is no program",
    next: async (scratch) => {
      await Deno.writeTextFile(`${scratch.path}/plain`, "xs-live-update-trial-1\n");
      return { file: `${scratch.path}/plain` };
    },
    reply: /^File not executable\.$/,
  },
  {
    name: "a directory",
    next: (scratch) => ({ file: scratch.path }),
    reply: /directory/i,
  },
  {
    name: "a program of another kind",
    next: () => ({ file: "/bin/sh" }),
    reply: /^The file is neither xs nor C xenstored/,
  },
  {
    name: "a script that fails",
    next: async (scratch) => ({
      file: await script(scratch, "fails", "echo it went wrong >&2", "exit 7"),
    }),
    reply: /^Its trial failed: it went wrong$/,
  },
  {
    name: "a script that fails without a word",
    next: async (scratch) => ({ file: await script(scratch, "mute", "exit 7") }),
    reply: /^Its trial ended with status 7\.$/,
  },
  {
    name: "one that dies",
    next: async (scratch) => ({ file: await script(scratch, "dies", "kill -SEGV $$") }),
    reply: /^Its trial ended by SIGSEGV\.$/,
  },
  {
    name: "one that says yes to everything",
    next: async (scratch) => ({
      file: await script(
        scratch,
        "yes",
        "echo 'xs-live-update-trial-1: 0 bytes, 0 records: good'",
      ),
    }),
    reply: /^Its trial ended without a word about the state\.$/,
  },
  {
    name: "one whose child holds on to its output",
    next: async (scratch) => ({ file: await script(scratch, "parent", "sleep 5 &", "exit 1") }),
    reply: /^Its trial ended with status 1\.$/,
  },
  {
    name: "a script without an interpreter",
    next: async (scratch) => {
      await Deno.writeTextFile(
        `${scratch.path}/lost`,
        "#!/nonexistent/sh\n# xs-live-update-trial-1\n",
        { mode: 0o755 },
      );
      return { file: `${scratch.path}/lost` };
    },
    reply: /^It cannot be run: /,
  },
  {
    name: "options that it does not have",
    next: (_, socket) => ({
      file: XS,
      commandLine: [...XS_WORDS, "serve", "--socket", socket, "--nonsense"].join(" "),
    }),
    reply: /^Its trial failed: .*(nonsense|--help)/,
  },
  {
    name: "options by which it would look for the state elsewhere",
    next: () => ({
      file: XS,
      commandLine: [...XS_WORDS, "serve", "--socket", "/nonexistent/socket"].join(" "),
    }),
    reply: /^Its trial failed: .*it looks for the state in \/nonexistent\/state_dump/,
  },
];

for (const { name, next, reply } of CASES) {
  Deno.test(`live update refused: ${name}`, async () => {
    await using scratch = await makeScratch();
    await using daemon = await startDaemon({ args: ["--xen", "no"] });
    const client = await RawClient.connect(daemon.socketPath);
    await ask(client, T.WATCH, "/a.t.");
    await ask(client, T.WRITE, "/a.1");
    const before = descriptors(daemon);
    assertMatch(await update(client, await next(scratch, daemon.socketPath), "-t", "5"), reply);
    assertEquals(await ask(client, T.READ, "/a."), ["1"]);
    assertEquals((await ask(client, T.WRITE, "/a.2")).slice(-2), ["/a.t.", "OK."]);
    await until("the trial's descriptors to go", () => descriptors(daemon) <= before);
    const directory = daemon.socketPath.replace(/\/[^/]*$/, "");
    const left = [...Deno.readDirSync(directory)].map((entry) => entry.name);
    assertEquals(left.filter((file) => file.startsWith("state_dump")), []);
    client.close();
  });
}

Deno.test("live update: a trial that hangs can be given up, and ends with its operator", async () => {
  await using scratch = await makeScratch();
  await using daemon = await startDaemon({ args: ["--xen", "no"] });
  const pids = `${scratch.path}/pids`;
  const file = await script(scratch, "hangs", `echo $$ >>${pids}`, "exec sleep 1000");
  const operator = await RawClient.connect(daemon.socketPath);
  const other = await RawClient.connect(daemon.socketPath);
  const started = (count: number): boolean => {
    try {
      return Deno.readTextFileSync(pids).split("\n").length === count + 1;
    } catch {
      return false;
    }
  };
  const pending = update(operator, { file }, "-t", "5");
  await until("the trial's start", () => started(1));
  assertEquals(await ask(other, T.WRITE, "/meanwhile.x"), ["OK."]);
  assertEquals(await command(other, "-a"), "OK");
  assertEquals(await pending, "Cancellation was requested");
  // Whoever hangs up has given up, too.
  void update(operator, { file }, "-t", "5").catch(() => {});
  await until("the second trial's start", () => started(2));
  operator.close();
  for (const pid of Deno.readTextFileSync(pids).trim().split("\n")) {
    await until("the trial's end", () => !exists(`/proc/${pid}`));
  }
  assertEquals(await command(other, "-a"), "No live-update session active.");
  other.close();
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
