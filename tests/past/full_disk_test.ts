/** A full disk: the history gives way to the store, says so as a gap, and is there again when there is space. */
import { assert, assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { startDaemon } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import type { ServerProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { makeScratch } from "../support/scratch.ts";
import { fillUp, smallDisk } from "../support/small_disk.ts";
import { normal, xs } from "./support.ts";

/** A value that compresses badly. */
function valueOf(i: number): string {
  const word = (at: number): string => (Math.imul(i + 1, at * at + 7_919) >>> 0).toString(36);
  return `${i} ${Array.from({ length: 150 }, (_, at) => word(at)).join("")}`;
}

/** What the daemon has acknowledged. */
class Store {
  #count = 0;

  constructor(readonly client: RawClient, readonly values: Map<string, string> = new Map()) {}

  /** False when there is no space for it. */
  async write(): Promise<boolean> {
    const i = this.#count++, path = `/n/${i % 50}`, value = valueOf(i);
    const reply = await this.client.ask(T.WRITE, `${path}\0${value}`);
    if (reply === "ENOSPC\0") return false;
    assertEquals(reply, "OK\0");
    this.values.set(path, value);
    return true;
  }

  async check(): Promise<void> {
    for (const [path, value] of this.values) {
      assertEquals(await this.client.ask(T.READ, `${path}\0`), value, path);
    }
  }
}

/** Takes all space again and again, until there is none for the history. */
async function fillDisk(folder: string, store: Store, daemon: ServerProcess): Promise<void> {
  let fillers = 0;
  await until("the end of the history", async () => {
    fillUp(`${folder}/filler-${fillers++}`);
    while (await store.write());
    return daemon.output().includes(".history is deleted: there is no space for the store");
  });
}

async function logOf(socket: string): Promise<string[]> {
  const { err, out, status } = await xs(socket, ["log", "--oneline"]);
  assertEquals([status, err], [0, ""]);
  return normal(out);
}

Deno.test("a full disk: the history goes first, as a gap, and goes on when there is space", async () => {
  await using scratch = await makeScratch();
  await using fileSystem = await smallDisk(scratch.path, 16);
  if (fileSystem === null) {
    console.log("no right to mount a small file system: tests/history/journal_test.ts must do");
    return;
  }
  const folder = scratch.path, args = ["--store", `${folder}/store`, "--xen", "no"];
  let daemon = await startDaemon({ args });
  try {
    const socket = daemon.socketPath;
    const store = new Store(await RawClient.connect(socket));
    for (let i = 0; i < 200; i++) assert(await store.write());
    const { length: before } = await logOf(socket);
    assert(before > 200);
    await fillDisk(folder, store, daemon);
    await store.check();
    for (const { name } of Deno.readDirSync(folder)) {
      if (name.startsWith("filler")) Deno.removeSync(`${folder}/${name}`);
    }
    await until("space for the store", () => store.write());
    await until("the history", async () => (await xs(socket, ["log"])).status === 0);
    for (let i = 0; i < 20; i++) assert(await store.write());
    const told = await logOf(socket), [gap] = told;
    // What was acknowledged while the disk was full is counted, and so is all that was in the file.
    const missing = Number(/^#(\d+) TIME gap: \1 records missing, from #1 on$/.exec(gap!)?.[1]);
    assert(missing >= before, gap);
    assert(told.length > 20, "the newest are all there");
    assertEquals(
      told.map((line) => Number(/^#(\d+)/.exec(line)![1])),
      told.map((_, i) => missing + i),
    );
    await store.check();
    Deno.kill(daemon.pid, "SIGKILL");
    await daemon.status;
    daemon = await startDaemon({ args, socket });
    const next = new Store(await RawClient.connect(socket), store.values);
    await next.check();
    assertEquals((await logOf(socket)).slice(0, -1), told);
    assert(
      (await logOf(socket)).at(-1)!.startsWith(`#${missing + told.length} TIME the daemon: start`),
    );
  } finally {
    await daemon.stop();
  }
});
