/** `xs bisect` on a daemon's history finds the commit that was planted, and git on the exported one finds the same. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { xsCommand } from "../support/daemon.ts";
import { gitMissing, GitRepository } from "../support/git.ts";
import { until } from "../support/patience.ts";
import { Random, testSeed } from "../support/random.ts";
import { type RecordedDaemon, startRecorded } from "../support/recorded_daemon.ts";
import { type Outcome, xs as runXs } from "../support/run_xs.ts";
import { makeScratch } from "../support/scratch.ts";
import { temporaryIn } from "../support/temporary.ts";
import { missingFile, testUnless } from "../support/skip.ts";

const xs = (socket: string, ...args: string[]): Promise<Outcome> => runXs(socket, args);

/** The commits that `xs log` shows with these arguments. */
async function numbersOf(socket: string, ...args: string[]): Promise<number[]> {
  const { out } = await xs(socket, "log", "--json", ...args);
  const lines = out.trim().split("\n").map((line) => JSON.parse(line));
  return lines.filter(({ type }) => type === "commit").map(({ number }) => number);
}

/** Random traffic of some clients, in which one commit sets /driver/state to "wrong" and later ones leave it. */
async function plant(socket: string, random: Random): Promise<void> {
  await using client = await Client.connect({ socket });
  const planted = 20 + random.below(60);
  for (let i = 0; i < 100; i++) {
    const path = `/noise/${random.below(9)}`, dice = random.next();
    if (i === 0) await client.write("/driver/state", "right");
    else if (i === planted) await client.write("/driver/state", "wrong");
    else if (dice < 0.2) await client.rm(path).catch(() => {});
    else if (dice < 0.4) {
      await client.transaction(async (inside) => {
        await inside.write(path, `${i}`);
        await inside.write("/noise/both", `${i}`);
      });
    } else await client.write(path, `${i}`);
  }
}

/** What both are to run, each on its own form of the store. */
const TEST_XS = 'test "$(xenstore-read /driver/state)" = right';
const TEST_GIT = 'test "$(cat driver/state.value)" = right';

const noTool = await missingFile("/usr/bin/xenstore-read", "xenstore-utils");

/** The names of what is in a folder. */
function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
}

testUnless(
  gitMissing ?? noTool,
  "xs bisect and git bisect run find the planted commit",
  async () => {
    const seed = testSeed(), random = new Random(seed);
    await using server = await startRecorded();
    const socket = server.socketPath;
    await plant(socket, random);
    const [planted] = await numbersOf(socket, "-S", "wrong");
    const [first] = await numbersOf(socket, "-S", "right");
    const found = await xs(
      socket,
      "bisect",
      "--good",
      `${first}`,
      "--",
      "sh",
      "-c",
      TEST_XS,
    );
    assertEquals(found.status, 0, `XS_SEED=${seed}: ${found.err}`);
    const [line, shown, ...changes] = found.out.split("\n");
    assertEquals(line, `#${planted} is the first bad commit`, `XS_SEED=${seed}`);
    assertMatch(shown!, new RegExp(`^#${planted} .*write /driver/state "right" -> "wrong"$`));
    assertEquals(changes[0], '- /driver/state = "right" (n0)');
    assert(found.err.split("\n").length <= 10, "that is more than halving takes");

    const stream = toBytes((await xs(socket, "log", "--format", "git-fast-import")).out);
    await using repository = await GitRepository.of(stream);
    const commits = await repository.commits();
    const good = commits.find(({ number }) => number === first)!;
    await repository.git(["reset", "-q", "--hard"]);
    await repository.git(["bisect", "start", commits.at(-1)!.hash, good.hash]);
    const bisected = await repository.git(["bisect", "run", "sh", "-c", TEST_GIT]);
    const is = commits.find(({ number }) => number === planted)!;
    assert(bisected.includes(`${is.hash} is the first bad commit`), `XS_SEED=${seed}: ${bisected}`);

    // And git says who it was, and when.
    const blame = await repository.git([
      "blame",
      "--porcelain",
      is.hash,
      "--",
      "driver/state.value",
    ]);
    assertEquals(blame.split(" ")[0], is.hash);
    assert(blame.includes(`author-time ${is.time}\n`) && blame.includes(`author ${is.author}\n`));
    assertMatch(is.author, new RegExp(`^\\S+ \\(pid ${Deno.pid}\\)$`));
  },
);

/** A daemon with a history of which the first commits are known. */
async function countedDaemon(): Promise<RecordedDaemon> {
  const server = await startRecorded();
  await using client = await Client.connect({ socket: server.socketPath });
  for (let i = 1; i <= 20; i++) await client.write("/count", `${i}`);
  return server;
}

/** The number of the commit that wrote that. */
async function numberOf(socket: string, count: number): Promise<number> {
  return (await numbersOf(socket, "/count"))[count - 1]!;
}

testUnless(noTool, "xs bisect: 125 skips, and what is left cannot be told apart", async () => {
  await using server = await countedDaemon();
  const socket = server.socketPath, first = await numberOf(socket, 1);
  const script = "n=$(xenstore-read /count); [ $n -ge 9 -a $n -le 12 ] && exit 125; [ $n -lt 11 ]";
  const { err, out, status } = await xs(
    socket,
    "bisect",
    "--good",
    `${first}`,
    "--",
    "sh",
    "-c",
    script,
  );
  assertEquals(status, 1);
  assertMatch(err, /\nxs: the first bad commit is one of these, which were skipped:\n$/);
  const shown = out.split("\n").filter((line) => line.startsWith("#"));
  const numbers = shown.map((line) => Number(/^#(\d+)/.exec(line)![1]));
  assertEquals(numbers, [first + 8, first + 9, first + 10, first + 11, first + 12]);
});

testUnless(
  noTool,
  "xs bisect: what it runs has the moment in its surroundings, and cannot change it",
  async () => {
    await using scratch = await makeScratch();
    await using server = await countedDaemon();
    const socket = server.socketPath,
      first = await numberOf(socket, 1),
      seen = `${scratch.path}/seen`;
    Deno.mkdirSync(`${scratch.path}/tmp`);
    using _temporary = temporaryIn(`${scratch.path}/tmp`);
    const script = `echo "$XS_COMMIT $(xenstore-read /count)" >>${seen}; ` +
      `test "$XENSTORED_RUNDIR/socket" = "$XENSTORED_PATH" || exit 200; ` +
      `xenstore-write /count 1 2>/dev/null && exit 201; test $(xenstore-read /count) -lt 13`;
    const { err, status } = await xs(
      socket,
      "bisect",
      "--good",
      `${first}`,
      "--",
      "sh",
      "-c",
      script,
    );
    assertEquals(status, 0, err);
    const lines = Deno.readTextFileSync(seen).trim().split("\n");
    assert(lines.length > 5);
    for (const line of lines) {
      const [commit, count] = line.split(" ").map(Number);
      assertEquals(commit! - first, count! - 1);
    }
    assertEquals(namesIn(`${scratch.path}/tmp`), []);
    await using client = await Client.connect({ socket });
    assertEquals(await client.readText("/count"), "20");
  },
);

Deno.test("xs bisect: what it cannot do is one line", async () => {
  await using scratch = await makeScratch();
  await using server = await countedDaemon();
  const socket = server.socketPath,
    first = await numberOf(socket, 1),
    good = ["--good", `${first}`];
  const last = first + 19;
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [[...good], 2, /^xs: bisect: CMD is missing/],
    [["--", "true"], 2, /^xs: bisect: --good is missing/],
    [["--good", "soon", "--", "true"], 2, /--good: invalid point in time 'soon'/],
    [["--good", "2999-01-01", "--", "true"], 2, /--good: '2999-01-01' is in the future/],
    [["--good", "99999", "--", "true"], 1, /#99999/],
    [
      [...good, "--bad", `${first - 1}`, "--", "true"],
      1,
      /--bad: #\d+ is before the good moment, #\d+/,
    ],
    [["--good", `${last}`, "--", "true"], 1, /nothing has changed since #\d+/],
    [[...good, "--", "false"], 1, /--good: after #\d+ the store is bad/],
    [[...good, "--", "true"], 1, /--bad: after #\d+ the store is good/],
    [[...good, "--", "sh", "-c", "exit 125"], 1, /--good: after #\d+ the store cannot be tested/],
    [[...good, "--", "sh", "-c", "exit 128"], 1, /bisect sh: failed with status 128/],
    [[...good, "--", "sh", "-c", "kill -9 $$"], 1, /bisect sh: killed by SIGKILL/],
    [[...good, "--", "/none/command"], 1, /bisect \/none\/command: cannot run it: no such command/],
    [[...good, "--store", "/none/store", "--", "true"], 1, /\/none\/store/],
  ];
  using _temporary = temporaryIn(scratch.path);
  for (const [args, status, text] of cases) {
    const got = await xs(socket, "bisect", ...args);
    assertEquals([got.status, got.out], [status, ""], args.join(" "));
    assertMatch(got.err, /^xs: bisect[^\n]*\n$/);
    assertMatch(got.err, text);
  }
  assertEquals(namesIn(scratch.path), []);
  using _nowhere = temporaryIn(`${scratch.path}/none`);
  assertEquals(await xs(socket, "bisect", ...good, "--", "true"), {
    status: 1,
    out: "",
    err: "xs: bisect: cannot make a directory for its sockets: no such file or directory " +
      "(TMPDIR names the place)\n",
  });
});

Deno.test("xs bisect: the next one removes what a killed one has left, and nothing else", async () => {
  await using scratch = await makeScratch();
  await using server = await countedDaemon();
  const { path } = scratch, socket = server.socketPath, tmp = `${path}/tmp`;
  const good = ["--good", `${await numberOf(socket, 1)}`], [command, ...words] = xsCommand();
  for (const folder of [tmp, `${path}/elsewhere`]) Deno.mkdirSync(folder);
  Deno.writeTextFileSync(`${path}/elsewhere/file`, "");
  Deno.symlinkSync(`${path}/elsewhere`, `${tmp}/xs-bisect-link`);
  const start = async (name: string): Promise<Deno.ChildProcess> => {
    const script = `echo >${path}/${name}; exec sleep 1000`;
    const child = new Deno.Command(command, {
      args: [...words, "bisect", ...good, "--", "sh", "-c", script],
      env: { XENSTORED_PATH: socket, TMPDIR: tmp },
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until("the command runs", () => exists(`${path}/${name}`));
    return child;
  };
  const folders = (): number => namesIn(tmp).filter((name) => name !== "xs-bisect-link").length;
  const kill = async (child: Deno.ChildProcess): Promise<void> => {
    const [sleeping] = Deno.readTextFileSync(`/proc/${child.pid}/task/${child.pid}/children`)
      .split(" ").filter((word) => word !== "").map(Number);
    child.kill("SIGKILL");
    await child.status;
    // What it ran lives on, and must not hold up what is removed.
    Deno.kill(sleeping!, "SIGKILL");
  };
  const killed = await start("killed");
  await kill(killed);
  assertEquals(folders(), 1);
  const living = await start("living");
  assertEquals(folders(), 1);
  using _temporary = temporaryIn(tmp);
  const { status } = await xs(socket, "bisect", ...good, "--", "sh", "-c", "exit 128");
  assertEquals([status, folders()], [1, 1]);
  await kill(living);
  await xs(socket, "bisect", ...good, "--", "sh", "-c", "exit 128");
  assertEquals(namesIn(tmp), ["xs-bisect-link"]);
  assertEquals(namesIn(`${path}/elsewhere`), ["file"]);
});

Deno.test("xs bisect: a signal ends the command that runs, and leaves nothing behind", async () => {
  await using scratch = await makeScratch();
  await using server = await countedDaemon();
  const first = await numberOf(server.socketPath, 1), [command, ...words] = xsCommand();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const running = `${scratch.path}/${signal}`;
    const script = `echo $$ >${running}; while :; do sleep 0.1; done`;
    const args = ["bisect", "--good", `${first}`, "--", "sh", "-c", script];
    const child = new Deno.Command(command, {
      args: [...words, ...args],
      env: { XENSTORED_PATH: server.socketPath, TMPDIR: scratch.path },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await until("the command runs", () => {
      try {
        return Deno.readTextFileSync(running).endsWith("\n");
      } catch {
        return false;
      }
    });
    const pid = Number(Deno.readTextFileSync(running));
    child.kill(signal);
    const { code, stderr } = await child.output();
    assertEquals([code, new TextDecoder().decode(stderr)], [130, "xs: bisect: interrupted\n"]);
    assertEquals([...Deno.readDirSync(scratch.path)].filter(({ name }) => name !== signal), []);
    assert(!exists(`/proc/${pid}`), "the command goes on");
    Deno.removeSync(running);
  }
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
