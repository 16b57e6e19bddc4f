/** `xs serve --persist disk` on a disk that fails and forgets: what it has answered is there. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { RawClient } from "../support/raw_client.ts";
import { startDaemon } from "../support/daemon.ts";
import { pause, until } from "../support/patience.ts";
import type { ServerProcess } from "../support/process.ts";
import { Random, testSeed } from "../support/random.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";
import {
  ALL_FILES,
  EIO,
  faultsMissing,
  FaultyDisk,
  MAIN,
  TAIL,
  WAL,
} from "../support/disk_faults.ts";

const missing = faultsMissing();
/** Deaths and losses of power of one store. */
const ENDS = Number(Deno.env.get("XS_DEATHS") ?? 12);
const NAMES = 12;

const UNTIL_IT_CAN = "changes are refused until it can: disk I/O error";
const NOBODY = "no client is answered until it can";

/** One daemon on such a disk and one client, who knows what was answered. */
class Trial {
  daemon!: ServerProcess;
  client!: RawClient;
  #written = 0;
  /** What each node has for sure, and what it may have instead. */
  readonly #sure = new Map<string, string>();
  readonly #maybe = new Map<string, string>();

  private constructor(readonly disk: FaultyDisk, readonly scratch: Scratch) {}

  /** On a disk of its own; one that `keeps` knows what a loss of power takes. */
  static async begin(keeps = false, persist: "crash" | "disk" = "disk"): Promise<Trial> {
    const scratch = await makeScratch();
    const disk = await FaultyDisk.make(scratch.path);
    if (keeps) disk.keep();
    const trial = new Trial(disk, scratch);
    await trial.start(persist);
    return trial;
  }

  async start(persist: "crash" | "disk" = "disk"): Promise<void> {
    this.daemon = await startDaemon({
      socket: `${this.scratch.path}/socket`,
      args: ["--persist", persist, "--store", this.disk.store],
      env: this.disk.env(),
    });
    this.client = await RawClient.connect(this.daemon.socketPath);
  }

  async kill(): Promise<void> {
    this.client.close();
    Deno.kill(this.daemon.pid, "SIGKILL");
    await this.daemon.status;
  }

  /** Writes some node; the answer may never come. */
  write(size = 0): Promise<string> {
    const name = `n${++this.#written % NAMES}`, value = `${this.#written}`.padEnd(size, ".");
    this.#maybe.set(name, value);
    const answer = this.client.ask(T.WRITE, `/${name}\0${value}`).then((text) => {
      if (text === "OK\0") this.#sure.set(name, value);
      this.#maybe.delete(name);
      return text;
    });
    // Whoever dies first answers nothing.
    answer.catch(() => {});
    return answer;
  }

  async check(): Promise<void> {
    for (let i = 0; i < NAMES; i++) {
      const name = `n${i}`, found = await this.client.ask(T.READ, `/${name}\0`);
      const wanted = [this.#sure.get(name) ?? "ENOENT\0", this.#maybe.get(name)];
      const said = [found, ...wanted].map((text) => text?.replace(/[.]+$/, ""));
      assert(
        wanted.includes(found),
        `${name} is ${said[0]} instead of ${said.slice(1).join(" or ")}`,
      );
      // From here on it is sure.
      if (found !== "ENOENT\0") this.#sure.set(name, found);
    }
    this.#maybe.clear();
    assertStringIncludes(await this.client.ask(T.CONTROL, "check\0"), "OK");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.daemon.stop();
    await this.scratch[Symbol.asyncDispose]();
  }
}

testUnless(missing, "disk: a sync of the log fails: said, refused, and right again", async () => {
  await using trial = await Trial.begin();
  const { disk } = trial;
  assertEquals(await trial.write(), "OK\0");
  disk.failSyncs(EIO, WAL);
  // What the log does not keep the tail does.
  assertEquals(await trial.write(), "OK\0");
  assertStringIncludes(trial.daemon.output(), UNTIL_IT_CAN);
  assertEquals(await trial.write(), "ENOSPC\0");
  assertEquals(await trial.client.ask(T.READ, "/n2\0"), "2");
  await trial.kill();
  disk.failSyncs(0, 0);
  await trial.start();
  await trial.check();
  disk.failSyncs(EIO, WAL);
  while (await trial.write() !== "ENOSPC\0");
  const { failed } = disk;
  await until("more attempts", () => disk.failed > failed + 2);
  disk.failSyncs(0, 0);
  while (await trial.write() === "ENOSPC\0") await pause(10);
  assertEquals(trial.daemon.output().split(UNTIL_IT_CAN).length, 2);
});

testUnless(missing, "disk: no sync succeeds: no client is answered until one does", async () => {
  await using trial = await Trial.begin();
  const { disk } = trial;
  assertEquals(await trial.write(), "OK\0");
  for (const end of ["kill", "mend"]) {
    disk.failSyncs(EIO, ALL_FILES);
    let answer: string | null = null;
    void trial.write().then((text) => answer = text, () => {});
    await until("a line of the log", () => trial.daemon.output().includes(NOBODY));
    // Whoever only reads might be told of what is not kept.
    await using reader = await RawClient.connect(trial.daemon.socketPath);
    let read: string | null = null;
    void reader.ask(T.READ, "/n1\0").then((text) => read = text, () => {});
    const { failed } = disk;
    await until("more attempts", () => disk.failed > failed + 4);
    assertEquals([answer, read], [null, null]);
    if (end === "kill") await trial.kill();
    disk.failSyncs(0, 0);
    if (end === "kill") await trial.start();
    else await until("the answers", () => answer === "OK\0" && read === "1");
    await trial.check();
  }
  assertEquals(trial.daemon.output().split(NOBODY).length, 2);
  assertStringIncludes(trial.daemon.output(), "answers go out");
});

testUnless(missing, "disk: nothing is built on what a sync has lost before a death", async () => {
  await using trial = await Trial.begin(true);
  const { disk } = trial;
  for (let i = 0; i < 5; i++) assertEquals(await trial.write(), "OK\0");
  disk.failSyncs(EIO, WAL);
  assertEquals(await trial.write(), "OK\0");
  assert(disk.failed > 0);
  await trial.kill();
  // The next life finds in the log what the disk does not have.
  disk.failSyncs(0, 0);
  await trial.start();
  // More than is left in the tail: the log grows behind it.
  for (let i = 0; i < 20; i++) assertEquals(await trial.write(3000), "OK\0");
  await trial.kill();
  disk.losePower();
  await trial.start();
  await trial.check();
});

testUnless(
  missing,
  "disk: what another mode has left without a sync is on the disk, too",
  async () => {
    for (const end of ["orderly", "killed"]) {
      await using trial = await Trial.begin(true, "crash");
      const { disk } = trial;
      for (let i = 0; i < 30; i++) assertEquals(await trial.write(3000), "OK\0");
      if (end === "killed") await trial.kill();
      else await trial.daemon.stop();
      await trial.start();
      assertEquals(await trial.write(), "OK\0");
      await trial.kill();
      disk.losePower();
      await trial.start();
      await trial.check();
    }
  },
);

/** What goes wrong for a while, of which files. */
const TROUBLES = [0, WAL, TAIL, WAL | TAIL, MAIN, MAIN | WAL, ALL_FILES];

testUnless(missing, "disk: whatever fails, what was answered is on the disk", async () => {
  const seed = testSeed(), random = new Random(seed);
  await using trial = await Trial.begin(true);
  const { disk } = trial;
  let answered = 0, powerLosses = 0;
  try {
    for (let end = 0; end < ENDS; end++) {
      for (let phase = 0; phase < 4; phase++) {
        const files = random.pick(TROUBLES);
        if (random.chance(0.7)) disk.failSyncs(EIO, files);
        else disk.failWrites(EIO, files);
        const calls = disk.calls;
        let left = 1 + random.below(40), done = false;
        const work = async (): Promise<void> => {
          while (left-- > 0) {
            if (await trial.write(random.chance(0.2) ? 1500 : 0) === "OK\0") answered++;
          }
        };
        const working = work().catch(() => {}).then(() => done = true);
        await until("some work", () => done || disk.calls > calls + 25);
        left = 0;
        // The last phase ends as it is.
        if (phase === 3) break;
        disk.failSyncs(0, 0);
        disk.failWrites(0, 0);
        await working;
      }
      await trial.kill();
      disk.failSyncs(0, 0);
      disk.failWrites(0, 0);
      const loses = random.chance(0.6);
      if (loses) {
        disk.losePower();
        powerLosses++;
        // What is on the disk then is what there is.
        for (const companion of ["", "-wal", ".tail"]) {
          Deno.copyFileSync(disk.store + companion, `${disk.store}${companion}@disk`);
        }
        disk.keep();
      }
      await trial.start();
      await trial.check();
    }
  } catch (error) {
    throw new Error(`failed with XS_SEED=${seed}: ${trial.daemon.output()}`, { cause: error });
  }
  console.log(`${ENDS} ends, ${powerLosses} of them losses of power; ${answered} writes answered`);
});
