/** The copies of stores that are read: what a killed process leaves, the next one removes. */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { DamagedError } from "../../lib/codec/journal/byte_reader.ts";
import { JournalError } from "../../lib/journal/database.ts";
import { Replay } from "../../lib/journal/replay.ts";
import { readStore } from "../../lib/journal/store_file.ts";
import { emptyTree } from "../../lib/state/checked_records.ts";
import { Hypervisor, Life } from "../support/lives.ts";
import { makeReadPlace } from "../../lib/journal/read_place.ts";
import { makeScratch } from "../support/scratch.ts";
import { temporaryIn } from "../support/temporary.ts";

const MODULE = new URL("../../lib/journal/read_place.ts", import.meta.url).href;

/** Takes every descriptor but those of the open file itself, and tries to make a place. */
const POOR_PROGRAM = `
  const { makeReadPlace } = await import(${JSON.stringify(MODULE)});
  makeReadPlace()[Symbol.dispose]();
  const files = [];
  // The runtime may close some of its own descriptors meanwhile.
  for (let said = ""; said === "";) {
    try {
      for (;;) files.push(Deno.openSync("/dev/null"));
    } catch {}
    try {
      makeReadPlace()[Symbol.dispose]();
    } catch (error) {
      files[0].close();
      console.log(said = error.name + ": " + error.message);
    }
  }
`;

/** Makes a place and lives on until it is killed. */
const PROGRAM = `
  const { makeReadPlace } = await import(${JSON.stringify(MODULE)});
  const place = makeReadPlace();
  Deno.writeTextFileSync(place.path + "/store", "secret");
  console.log(place.path);
  await new Promise(() => setInterval(() => {}, 60_000));
`;

const names = (folder: string): string[] =>
  [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("the copy of a killed process is removed by the next one, that of a living one is not", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  const start = async (): Promise<[Deno.ChildProcess, string]> => {
    const program = `${path}/program.ts`;
    await Deno.writeTextFile(program, PROGRAM);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", program],
      env: { TMPDIR: `${path}/tmp` },
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    return [child, new TextDecoder().decode(value).trim()];
  };
  await Deno.mkdir(`${path}/tmp`);
  await Deno.mkdir(`${path}/elsewhere`);
  await Deno.symlink(`${path}/elsewhere`, `${path}/tmp/xs-copy-link`);
  const [killed, left] = await start();
  killed.kill("SIGKILL");
  await killed.status;
  await killed.stdout.cancel();
  assertEquals(names(`${path}/tmp`), [left.split("/").at(-1)!, "xs-copy-link"].sort());
  const [living, place] = await start();
  assertEquals(names(`${path}/tmp`), [place.split("/").at(-1)!, "xs-copy-link"].sort());
  const [third, another] = await start();
  assertEquals(
    names(`${path}/tmp`),
    [place, another].map((path) => path.split("/").at(-1)!).concat("xs-copy-link").sort(),
  );
  for (const child of [living, third]) {
    child.kill("SIGKILL");
    await child.status;
    await child.stdout.cancel();
  }
});

Deno.test("the copy that an earlier version reads, which locks nothing, stays", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  await Deno.mkdir(`${path}/xs-read-1234`);
  using _temporary = temporaryIn(path);
  makeReadPlace()[Symbol.dispose]();
  assertEquals(names(path), ["xs-read-1234"]);
});

Deno.test("where no copy can be made, the reason is told and nothing is left", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  {
    using _temporary = temporaryIn(`${path}/none`);
    assertThrows(
      () => makeReadPlace(),
      JournalError,
      "cannot make a directory for a copy of the store: no such file or directory (TMPDIR names the place)",
    );
  }
  await Deno.mkdir(`${path}/tmp`);
  await Deno.writeTextFile(`${path}/program.ts`, POOR_PROGRAM);
  const run = 'ulimit -n 256; exec "$@"';
  const { stdout } = await new Deno.Command("/bin/bash", {
    args: ["-c", run, "bash", Deno.execPath(), "run", "-A", "--no-check", `${path}/program.ts`],
    env: { TMPDIR: `${path}/tmp` },
    stderr: "null",
  }).output();
  assertMatch(
    new TextDecoder().decode(stdout),
    /^JournalError: cannot make .*: too many open files \(TMPDIR/,
  );
  assertEquals(names(`${path}/tmp`), []);
});

Deno.test("what is wrong with a store is told of its own files, not of their copies", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`, tail = `${path}.tail`;
  const life = new Life(new Hypervisor(), path);
  const read = (): void => readStore(path, () => new Replay(emptyTree()));
  read();
  await Deno.rename(tail, `${path}.away`);
  assertThrows(read, DamagedError, `the file with the last turns, ${tail}, is missing`);
  await Deno.mkdir(tail);
  assertThrows(read, JournalError, `the store file ${tail} cannot be read: it is no file (move`);
  await Deno.remove(tail);
  await Deno.rename(`${path}.away`, tail);
  read();
  life.close();
});

Deno.test("a copy is removed when it has been read", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  using _temporary = temporaryIn(path);
  const place = makeReadPlace();
  Deno.writeTextFileSync(`${place.path}/store`, "");
  assertEquals(names(path), [place.path.split("/").at(-1)]);
  place[Symbol.dispose]();
  assertEquals(names(path), []);
});
