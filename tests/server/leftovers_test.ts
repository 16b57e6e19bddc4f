/** What interrupted dumps of earlier versions left beside the socket, and daemons that were killed during a live update. */
import { assertEquals, assertMatch } from "@std/assert";
import { textOf } from "../../lib/files.ts";
import { deleteLeftovers } from "../../lib/server/process/leftovers.ts";
import { closeFd, lockDirectory, lockPlainFile } from "../../ffi/unix_socket.ts";
import { update } from "../support/operator.ts";
import { until } from "../support/patience.ts";
import { RawClient } from "../support/raw_client.ts";
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
  deleteLeftovers(
    `${path}/socket`,
    `${path}/state_dump`,
    (level, text) => log.push(`${level}: ${text}`),
  );
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
    deleteLeftovers(`${path}/socket`, `${path}/state_dump`, () => {});
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

Deno.test("leftovers: a trial's files are deleted where no living process has them", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch, state = `${path}/state_dump`;
  const trial = `${state}.trial`, code = `${state}.code`;
  const log: string[] = [];
  const look = (): string[] => {
    deleteLeftovers(`${path}/socket`, state, (level, text) => log.push(`${level}: ${text}`));
    return namesIn(path);
  };
  Deno.mkdirSync(`${path}/real`);
  const make = (): void => {
    Deno.writeTextFileSync(trial, "a store", { mode: 0o600 });
    makeFolder(code, ["v8"]);
    Deno.mkdirSync(`${code}/gen`);
  };
  make();
  Deno.writeTextFileSync(state, "not ours to judge", { mode: 0o600 });
  const locks = [lockPlainFile(trial), lockDirectory(code)];
  assertEquals(look(), ["real", "state_dump", "state_dump.code", "state_dump.trial"]);
  for (const lock of locks) closeFd(lock);
  assertEquals(look(), ["real", "state_dump"]);
  assertEquals(
    log,
    [trial, code].map((path) => `info: ${path}: deleted: an interrupted live update had left it`),
  );
  // Links, what others may read, and what is another user's stay.
  Deno.symlinkSync(`${path}/real`, code);
  Deno.symlinkSync(state, trial);
  assertEquals(look(), ["real", "state_dump", "state_dump.code", "state_dump.trial"]);
  for (const link of [code, trial]) Deno.removeSync(link);
  make();
  Deno.chmodSync(trial, 0o604);
  if (Deno.uid() === 0) Deno.chownSync(code, 65534, 65534);
  else Deno.chmodSync(code, 0o755);
  assertEquals(look(), ["real", "state_dump", "state_dump.code", "state_dump.trial"]);
  Deno.chmodSync(path, 0o777);
  Deno.chmodSync(trial, 0o600);
  assertEquals(look(), ["real", "state_dump", "state_dump.code", "state_dump.trial"]);
  assertEquals(log.length, 2);
});

Deno.test("leftovers: a daemon that is killed during a trial leaves nothing behind its next start", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch, run = `${path}/run`, socket = `${run}/socket`, pid = `${path}/pid`;
  Deno.mkdirSync(run, { mode: 0o755 });
  const file = `${path}/hangs`;
  const lines = ["#!/bin/sh", "# xs-live-update-trial-1", `echo $$ >${pid}`, "exec sleep 1000", ""];
  Deno.writeTextFileSync(file, lines.join("\n"), { mode: 0o755 });
  const states = (): string[] => namesIn(run).filter((name) => name.startsWith("state_dump"));
  const daemon = await startDaemon({ socket, args: ["--xen", "no"] });
  const operator = await RawClient.connect(socket);
  const updated = update(operator, { file }, "-t", "5").catch(() => "");
  const started = await until("the trial's start", () => {
    const text = textOf(pid);
    return text?.endsWith("\n") === true ? Number(text) : null;
  });
  assertEquals(states(), ["state_dump.trial"]);
  {
    // One that starts beside it meanwhile leaves it alone.
    await using other = await startDaemon({ socket: `${run}/other`, args: ["--xen", "no"] });
    await other.stop();
    assertEquals(states(), ["state_dump.trial"]);
  }
  Deno.kill(daemon.pid, "SIGKILL");
  await daemon.status;
  await updated;
  operator.close();
  Deno.kill(started, "SIGKILL");
  assertEquals(states(), ["state_dump.trial"]);
  await using next = await startDaemon({ socket, args: ["--xen", "no"] });
  assertEquals(states(), []);
  assertMatch(next.output(), /state_dump\.trial: deleted: an interrupted live update had left it/);
});
