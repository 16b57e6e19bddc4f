/** Parts of files that killed processes have left: the next process that writes such a file removes them. */
import { assert, assertEquals } from "@std/assert";
import { partPathOf, removeDeadParts, startTimeIn } from "../../lib/part_file.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { xsCommand } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { xs } from "../support/run_xs.ts";
import { makeScratch } from "../support/scratch.ts";

const SELF = startTimeIn(Deno.readTextFileSync("/proc/self/stat"))!;

function namesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

/** A pid that no process has. */
async function deadPid(): Promise<number> {
  const child = new Deno.Command("true").spawn();
  await child.status;
  return child.pid;
}

Deno.test("the part of a file goes with its process, by pid and start time, and nothing else does", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch, file = `${path}/file`, dead = await deadPid();
  const make = (name: string, mode = 0o600): void =>
    Deno.writeTextFileSync(`${path}/${name}`, "a store", { mode });
  // The start of another process with our pid; a pid without a process; the same by its name in earlier versions.
  const gone = [`.part-${Deno.pid}-${SELF - 1}`, `.part-${dead}-1`, `.part-${dead}`];
  for (const end of [...gone, `.part-${dead}-1-wal`, `.part-${dead}.tail`]) make(`file${end}`);
  const others = [
    `file.part-${Deno.pid}-${SELF}`,
    `file.part-${Deno.pid}`,
    `file.part-${Deno.pid}-${SELF}.tail`,
    `file.part-${dead}-1-2`,
    `file.part-${dead}-1x`,
    `file.part-${dead}.old`,
    "file.part-",
    "file.part-x",
    `file2.part-${dead}-1`,
    `xfile.part-${dead}-1`,
    "file",
    "elsewhere",
  ];
  for (const name of others) make(name);
  // As `split -d` names the parts of a file; and one that others may read, unlike those of earlier versions.
  const ofUser = ["file.part-00", `file.part-${dead}`];
  make(ofUser[0]!);
  assertEquals(removeDeadParts(file).length, 5);
  make(ofUser[1]!, 0o644);
  const special = [`file.part-${dead}-5`, `file.part-${dead}-6`, `file.part-${dead}-7`];
  Deno.symlinkSync(`${path}/elsewhere`, `${path}/${special[0]}`);
  Deno.mkdirSync(`${path}/${special[1]}`);
  make(special[2]!);
  if (Deno.uid() === 0) Deno.chownSync(`${path}/${special[2]}`, 65534, 65534);
  else Deno.removeSync(`${path}/${special.pop()}`);
  assertEquals(removeDeadParts(file).length, 0);
  assertEquals(namesIn(path), [...others, ...special, ...ofUser].sort());
  assertEquals(partPathOf(file), `${file}.part-${Deno.pid}-${SELF}`);
});

Deno.test("a dump that was killed leaves nothing behind the next one to the same file", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch, file = `${path}/file`, socket = `${path}/silent`;
  // It accepts connections, and never answers.
  using _silent = Deno.listen({ transport: "unix", path: socket });
  const [command, ...args] = xsCommand();
  const child = new Deno.Command(command, {
    args: [...args, "dump", "-o", file],
    env: { XENSTORED_PATH: socket },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const part = await until(
    "the dump's beginning",
    () => namesIn(path).find((name) => name.startsWith("file.part-")) ?? null,
  );
  assert(part.startsWith(`file.part-${child.pid}-`), part);
  await using server = await EmbeddedServer.start();
  // The first dump still runs.
  assertEquals((await xs(server.socketPath, ["dump", "-o", file])).status, 0);
  assertEquals(namesIn(path), ["file", part, "silent"]);
  child.kill("SIGKILL");
  await child.status;
  assertEquals((await xs(server.socketPath, ["dump", "-o", file])).status, 0);
  assertEquals(namesIn(path), ["file", "silent"]);
});

Deno.test("metrics and restores into a file use such parts, too", async () => {
  await using scratch = await makeScratch();
  await using server = await EmbeddedServer.start();
  const { path } = scratch, dead = await deadPid();
  for (const name of ["figures", "store"]) {
    Deno.writeTextFileSync(`${path}/${name}.part-${dead}-1`, "");
  }
  const run = async (...args: string[]): Promise<void> => {
    const { err, status } = await xs(server.socketPath, args);
    assertEquals([status, err], [0, ""]);
  };
  await run("metrics", "--output", `${path}/figures`);
  await run("dump", "-o", `${path}/dump`);
  await run("restore", `${path}/dump`, "--into", `${path}/store`);
  assertEquals(namesIn(path), ["dump", "figures", "store"]);
});
