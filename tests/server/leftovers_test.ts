/** Folders that interrupted dumps of earlier versions left beside the socket. */
import { assertEquals, assertMatch } from "@std/assert";
import { deleteLeftovers } from "../../lib/server/process/leftovers.ts";
import { startDaemon } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";

function namesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

function makeFolder(path: string, files: readonly string[], mode = 0o700): void {
  Deno.mkdirSync(path);
  for (const file of files) Deno.writeTextFileSync(`${path}/${file}`, "a store");
  Deno.chmodSync(path, mode);
}

/** Folders that are like those, but for one thing; and what a link leads to. */
function makeOthers(path: string): string[] {
  makeFolder(`${path}/xs-archive-more`, ["dump", "mine"]);
  makeFolder(`${path}/xs-archive-open`, ["dump"], 0o755);
  makeFolder(`${path}/xs-archive-under_score`, ["dump"]);
  makeFolder(`${path}/archive`, ["dump"]);
  makeFolder(`${path}/xs-archive-deep`, []);
  makeFolder(`${path}/xs-archive-deep/dump`, []);
  makeFolder(`${path}/xs-archive-linked`, []);
  Deno.symlinkSync(`${path}/archive/dump`, `${path}/xs-archive-linked/dump`);
  Deno.symlinkSync(`${path}/archive`, `${path}/xs-archive-link`);
  Deno.writeTextFileSync(`${path}/xs-archive-file`, "");
  if (Deno.uid() === 0) {
    makeFolder(`${path}/xs-archive-theirs`, ["dump"]);
    Deno.chownSync(`${path}/xs-archive-theirs`, 65534, 65534);
  }
  return namesIn(path);
}

Deno.test("leftovers: only folders of this kind and this user are deleted, links are not followed", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  const others = makeOthers(path);
  makeFolder(`${path}/xs-archive-a1b2`, ["dump"]);
  makeFolder(`${path}/xs-archive-c3`, ["dump", "stream"]);
  makeFolder(`${path}/xs-archive-empty`, []);
  const log: string[] = [];
  deleteLeftovers(`${path}/socket`, (level, text) => log.push(`${level}: ${text}`));
  assertEquals(namesIn(path), others);
  assertEquals(namesIn(`${path}/archive`), ["dump"]);
  assertEquals(log.length, 3);
  assertMatch(log.join("\n"), /^info: \S+\/xs-archive-\w+: deleted: /);
});

Deno.test("leftovers: nothing is deleted where others could put something in its place", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  for (
    const [mode, isLeft] of [[0o777, true], [0o770, true], [0o1777, false], [0o755, false]] as const
  ) {
    makeFolder(`${path}/xs-archive-a`, ["dump"]);
    Deno.chmodSync(path, mode);
    deleteLeftovers(`${path}/socket`, () => {});
    assertEquals(namesIn(path), isLeft ? ["xs-archive-a"] : [], mode.toString(8));
    if (isLeft) Deno.removeSync(`${path}/xs-archive-a`, { recursive: true });
  }
});

Deno.test("leftovers: the daemon deletes them at its start", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  Deno.mkdirSync(`${path}/run`, { mode: 0o755 });
  makeFolder(`${path}/run/xs-archive-a1`, ["dump"]);
  await using _daemon = await startDaemon({ socket: `${path}/run/socket` });
  assertEquals(namesIn(`${path}/run`).filter((name) => name.startsWith("xs-archive")), []);
});
