/** The copies of stores that are read: what a killed process leaves, the next one removes. */
import { assertEquals } from "@std/assert";
import { ReadPlace } from "../../lib/journal/read_place.ts";
import { makeScratch } from "../support/scratch.ts";

const MODULE = new URL("../../lib/journal/read_place.ts", import.meta.url).href;

/** Makes a place and lives on until it is killed. */
const PROGRAM = `
  const { ReadPlace } = await import(${JSON.stringify(MODULE)});
  const place = ReadPlace.make();
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
  await Deno.symlink(`${path}/elsewhere`, `${path}/tmp/xs-read-link`);
  const [killed, left] = await start();
  killed.kill("SIGKILL");
  await killed.status;
  await killed.stdout.cancel();
  assertEquals(names(`${path}/tmp`), [left.split("/").at(-1)!, "xs-read-link"].sort());
  const [living, place] = await start();
  assertEquals(names(`${path}/tmp`), [place.split("/").at(-1)!, "xs-read-link"].sort());
  const [third, another] = await start();
  assertEquals(
    names(`${path}/tmp`),
    [place, another].map((path) => path.split("/").at(-1)!).concat("xs-read-link").sort(),
  );
  for (const child of [living, third]) {
    child.kill("SIGKILL");
    await child.status;
    await child.stdout.cancel();
  }
});

Deno.test("a copy is removed when it has been read", () => {
  const place = ReadPlace.make();
  Deno.writeTextFileSync(`${place.path}/store`, "");
  place.remove();
  assertEquals(Deno.statSync(place.path.slice(0, place.path.lastIndexOf("/"))).isDirectory, true);
  assertEquals(
    [...Deno.readDirSync(place.path.slice(0, place.path.lastIndexOf("/")))]
      .some(({ name }) => place.path.endsWith(name)),
    false,
  );
});
