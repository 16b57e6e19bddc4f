/** SIGKILL at each call that changes a file of the store: in the start, the work and the end. */
import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { readStoreArchive } from "../../lib/archive/store_source.ts";
import { RawClient } from "../support/raw_client.ts";
import { startDaemon } from "../support/daemon.ts";
import type { ServerProcess } from "../support/process.ts";
import { Random, testSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";
import { faultsMissing, FaultyDisk, MOMENTS } from "../support/disk_faults.ts";

/** Deaths of one kind: some as a rule, one at each call when told to have that many. */
const DEATHS = Number(Deno.env.get("XS_DEATHS") ?? 4);
const missing = faultsMissing();
const NODES = 12;

type Mode = "crash" | "disk";

/** A daemon that dies at some call, and what it has answered until then. */
class Steps {
  #values = new Map<number, string>();
  /** What was asked for when it died. */
  #asked: [node: number, value: string] | null = null;
  #count = 0;

  /** Names of the nodes that outlive a boot. */
  kept: RegExp | null = null;

  constructor(readonly disk: FaultyDisk, readonly folder: string, readonly mode: Mode) {}

  start(): Promise<ServerProcess> {
    return startDaemon({
      socket: `${this.folder}/socket`,
      args: [
        ...["--persist", this.mode, "--store", this.disk.store],
        ...this.kept === null ? [] : ["--keep", "/n1*"],
      ],
      env: this.disk.env(),
    });
  }

  /** One whole life, or what there is of it till its death. */
  async live(): Promise<void> {
    let daemon: ServerProcess;
    try {
      daemon = await this.start();
    } catch (error) {
      if (!`${error}`.includes("ended before it listened")) throw error;
      // It died: it was not refused anything.
      assert(!/damaged|cannot be/.test(`${error}`), `${error}`);
      return;
    }
    try {
      await using client = await RawClient.connect(daemon.socketPath);
      for (let i = 0; i < 30; i++) await this.#write(client);
    } catch {
      // It is dead.
    }
    await daemon.stop();
  }

  async #write(client: RawClient): Promise<void> {
    const node = this.#count % NODES, value = `${++this.#count}`.padEnd(3000);
    this.#asked = [node, value];
    assertEquals(await client.ask(T.WRITE, `/n${node}\0${value}`), "OK\0");
    this.#values.set(node, value);
    this.#asked = null;
  }

  /** A life in which nothing happens finds all that was answered. */
  async check(): Promise<void> {
    this.disk.stayAlive();
    const daemon = await this.start();
    try {
      await using client = await RawClient.connect(daemon.socketPath);
      for (let node = 0; node < NODES; node++) {
        const found = await client.ask(T.READ, `/n${node}\0`);
        const known = this.#values.get(node) ?? "ENOENT\0";
        const asked = this.#asked?.[0] === node ? this.#asked[1] : known;
        assert([known, asked].includes(found), `n${node} is ${found}, not ${known}`);
        if (found !== "ENOENT\0") this.#values.set(node, found);
      }
      this.#asked = null;
      assert((await client.ask(T.CONTROL, "check\0")).includes("OK"));
    } finally {
      await daemon.stop();
    }
  }

  /** Nothing is to be found of what was answered. */
  forget(): void {
    this.#values.clear();
    this.#asked = null;
  }

  /** The host is booted: only what is kept is to be found. */
  boot(): void {
    for (const node of [...this.#values.keys()]) {
      if (this.kept?.test(`n${node}`) !== true) this.#values.delete(node);
    }
    this.#asked = null;
  }

  removeStore(): void {
    this.forget();
    for (const { name } of Deno.readDirSync(this.folder)) {
      const path = `${this.folder}/${name}`;
      if (path.startsWith(this.disk.store)) Deno.removeSync(path);
    }
  }

  /** How many calls there are while something is done. */
  async callsOf(run: () => Promise<void>): Promise<number> {
    this.disk.killAt(0);
    await run();
    return this.disk.calls;
  }
}

/** The calls at which to die: all, or as many as there is time for. */
function chosen(random: Random, count: number): number[] {
  const all = Array.from({ length: count }, (_, i) => i + 1);
  while (all.length > DEATHS) all.splice(random.below(all.length), 1);
  return all;
}

async function trial(
  mode: Mode,
  run: (steps: Steps, random: Random) => Promise<void>,
): Promise<void> {
  const seed = testSeed();
  await using scratch = await makeScratch();
  const disk = await FaultyDisk.make(scratch.path);
  try {
    await run(new Steps(disk, scratch.path, mode), new Random(seed));
  } catch (error) {
    throw new Error(`failed with XS_SEED=${seed}`, { cause: error });
  }
}

/** Dies once at each of `calls`, each time behind `before`; what was answered is there then. */
async function dieAtEach(
  steps: Steps,
  random: Random,
  calls: readonly number[],
  before: () => Promise<void>,
  after: () => void = () => {},
): Promise<void> {
  for (const call of calls) {
    await before();
    const moment = random.pick(MOMENTS);
    steps.disk.killAt(call, moment);
    await steps.live();
    try {
      await steps.check();
      after();
    } catch (error) {
      throw new Error(`killed at call ${call}, moment ${moment}`, { cause: error });
    }
  }
}

for (const mode of ["crash", "disk"] as const) {
  for (const which of ["the first", "another"]) {
    const name = `killed at a call, --persist ${mode}: ${which} life of a store`;
    testUnless(missing, name, async () => {
      await trial(mode, async (steps, random) => {
        if (which === "another") await steps.live();
        const count = await steps.callsOf(() => steps.live());
        const calls = chosen(random, count);
        // deno-lint-ignore require-await -- as the other is
        await dieAtEach(steps, random, calls, async () => {
          if (which === "the first") steps.removeStore();
        });
        console.log(`${calls.length} deaths at ${count} calls`);
      });
    });
  }
}

/** Leaves a store of an earlier boot, whose daemon was killed. */
async function leaveOld(steps: Steps): Promise<void> {
  const { disk } = steps;
  steps.removeStore();
  disk.killAt(0);
  await steps.live();
  const daemon = await steps.start();
  Deno.kill(daemon.pid, "SIGKILL");
  await daemon.status;
  const database = new DatabaseSync(disk.store);
  database.exec("UPDATE about SET value = 'another' WHERE name = 'boot_id'");
  database.close();
  for (const companion of ["", ".tail"]) Deno.utimeSync(disk.store + companion, 1, 1);
  steps.boot();
}

/** The store of before is beside the new one, whole, and nothing else is left. */
function checkAside({ disk, folder }: Steps): void {
  const { records } = readStoreArchive(`${disk.store}.old`, null, "old");
  const names = records.flatMap((record) =>
    record.kind === "node" && /^\/n\d+$/.test(record.path) ? [record.path] : []
  );
  assertEquals(names.length, NODES);
  const files = [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`);
  assertEquals(files.filter((name) => name.startsWith(`${disk.store}.next`)), []);
}

for (const mode of ["crash", "disk"] as const) {
  for (const kept of [null, /^n1/]) {
    const what = kept === null ? "" : ", some nodes kept";
    const name = `killed at a call while a store of an earlier boot is put aside: ${mode}${what}`;
    testUnless(missing, name, async () => {
      await trial(mode, async (steps, random) => {
        steps.kept = kept;
        await leaveOld(steps);
        const count = await steps.callsOf(() => steps.check());
        checkAside(steps);
        const calls = chosen(random, count);
        await dieAtEach(steps, random, calls, () => leaveOld(steps), () => checkAside(steps));
        console.log(`${calls.length} deaths at ${count} calls`);
      });
    });
  }
}
