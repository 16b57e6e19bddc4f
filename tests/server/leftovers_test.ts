/** What interrupted dumps of earlier versions left beside the socket, and daemons that were killed during a live update. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { textOf } from "../../lib/files.ts";
import { STATE_FILE_MS_MAX } from "../../lib/limits.ts";
import { deleteLeftovers } from "../../lib/server/process/leftovers.ts";
import { closeFd, lockDirectory, lockPlainFile } from "../../ffi/unix_socket.ts";
import { update } from "../support/operator.ts";
import { until } from "../support/patience.ts";
import { RawClient } from "../support/raw_client.ts";
import { startDaemon } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";

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

/** Deletes leftovers as a daemon does at its start whose files are in `path`. */
function look(path: string, log: string[] = [], clock = new SimulatedClock()): void {
  const places = { socket: `${path}/socket`, stateFile: `${path}/state_dump` };
  const say = (level: string, text: string): void => void log.push(`${level}: ${text}`);
  deleteLeftovers({ ...places, store: `${path}/store` }, say, clock);
}

Deno.test("leftovers: only folders of this kind and this user are deleted, links are not followed", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  const others = makeOthers(path);
  makeFolder(`${path}/xs-archive-a1b2`, ["dump"]);
  makeFolder(`${path}/xs-archive-c3`, ["dump", "stream"]);
  makeFolder(`${path}/xs-archive-empty`, []);
  const log: string[] = [];
  look(path, log);
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
    look(path);
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
  const left = (): string[] => {
    look(path, log);
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
  assertEquals(left(), ["real", "state_dump", "state_dump.code", "state_dump.trial"]);
  for (const lock of locks) closeFd(lock);
  assertEquals(left(), ["real", "state_dump"]);
  assertEquals(
    log,
    [trial, code].map((path) => `info: ${path}: deleted: an interrupted live update had left it`),
  );
  // Links, what others may read, and what is another user's stay.
  Deno.symlinkSync(`${path}/real`, code);
  Deno.symlinkSync(state, trial);
  assertEquals(left(), ["real", "state_dump", "state_dump.code", "state_dump.trial"]);
  for (const link of [code, trial]) Deno.removeSync(link);
  make();
  Deno.chmodSync(trial, 0o604);
  if (Deno.uid() === 0) Deno.chownSync(code, 65534, 65534);
  else Deno.chmodSync(code, 0o755);
  assertEquals(left(), ["real", "state_dump", "state_dump.code", "state_dump.trial"]);
  Deno.chmodSync(path, 0o777);
  Deno.chmodSync(trial, 0o600);
  assertEquals(left(), ["real", "state_dump", "state_dump.code", "state_dump.trial"]);
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

Deno.test("leftovers: a state that nobody takes over is deleted after a minute", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch, state = `${path}/state_dump`, log: string[] = [];
  const write = (mode = 0o600): void => Deno.writeTextFileSync(state, "a store", { mode });
  /** Whether it is left. */
  const after = (meanwhile: () => void = () => {}): boolean => {
    const clock = new SimulatedClock();
    look(path, log, clock);
    clock.advance(STATE_FILE_MS_MAX - 1);
    assertEquals(namesIn(path).includes("state_dump"), true);
    meanwhile();
    clock.advance(1);
    return namesIn(path).includes("state_dump");
  };
  write();
  assertEquals(after(), false);
  assertEquals(log, [`info: ${state}: deleted: an interrupted live update had left it`]);
  write();
  // Another daemon's live update.
  const replaced = after(() => {
    Deno.writeTextFileSync(`${path}/new`, "another store", { mode: 0o600 });
    Deno.renameSync(`${path}/new`, state);
  });
  assertEquals(replaced, true);
  const locked = after(() => assert(lockPlainFile(state) >= 0));
  assertEquals(locked, true);
  Deno.removeSync(state);
  write(0o604);
  Deno.chmodSync(state, 0o604);
  assertEquals(after(), true);
  Deno.removeSync(state);
  Deno.symlinkSync(`${path}/elsewhere`, state);
  assertEquals(after(), true);
  Deno.removeSync(state);
  write();
  if (Deno.uid() === 0) {
    Deno.chownSync(state, 65534, 65534);
    assertEquals(after(), true);
    Deno.chownSync(state, 0, 0);
  }
  Deno.chmodSync(path, 0o777);
  assertEquals(after(), true);
  assertEquals(log.length, 1);
});

Deno.test("leftovers: a daemon deletes what a killed restore has left beside its store file", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch, store = `${path}/store`;
  const dead = ["", "-wal", "-shm", ".tail", "-journal"].map((end) => `${store}.part-1-1${end}`);
  for (const file of dead) Deno.writeTextFileSync(file, "a store", { mode: 0o600 });
  await using daemon = await startDaemon({
    socket: `${path}/socket`,
    args: ["--store", store, "--xen", "no"],
  });
  assertEquals(namesIn(path).filter((name) => name.includes("part")), []);
  assertMatch(daemon.output(), /store\.part-1-1: deleted: an interrupted restore had left it/);
});
