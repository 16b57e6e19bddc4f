/** Histories that earlier daemons left: read from their files, and by the next daemon. */
import { DatabaseSync } from "node:sqlite";
import { assertEquals } from "@std/assert";
import { startDaemon } from "../support/daemon.ts";
import { xs } from "../support/run_xs.ts";
import { makeScratch } from "../support/scratch.ts";
import { assertGolden, FILES, golden, unpacked } from "./golden.ts";

/** Histories by name, with the files that there are of each. */
const HISTORIES = [
  ["history1-killed", ["", "-wal", ".tail", ".history", ".history-wal"]],
  ["history1-stopped", ["", ".history"]],
] as const;

/** Moments of them that are shown as trees: the first, in the middle, around a gap, and the last. */
const MOMENTS = ["#1", "#24", "#2128", "#67664", "#68199"];

async function unpack(name: string, ends: readonly string[], path: string): Promise<void> {
  for (const end of ends) {
    await Deno.writeFile(path + end, await unpacked(`${FILES}${name}.store${end}.gz`));
  }
}

async function ask(socket: string, ...args: string[]): Promise<string> {
  const { err, out, status } = await xs(socket, args);
  assertEquals(status, 0, err);
  return `${out}${err.replaceAll(/\/\S*\//g, "")}`;
}

for (const [name, ends] of HISTORIES) {
  Deno.test(`${name}: its log, and the store at some moments, from its files`, async () => {
    await using scratch = await makeScratch();
    const store = `${scratch.path}/store`, socket = `${scratch.path}/none`;
    await unpack(name, ends, store);
    await assertGolden(
      `read-${name}.jsonl.gz`,
      await ask(socket, "log", "--json", "--store", store),
    );
    let trees = "";
    for (const moment of MOMENTS) {
      trees += `${moment}\n${await ask(socket, "ls", "-p", "--at", moment, "--store", store)}`;
    }
    await assertGolden(`read-${name}-moments.txt.gz`, trees);
    const blame = await ask(socket, "blame", "-r", "--json", "/t", "--at", "#26", "--store", store);
    await assertGolden(`read-${name}-blame.txt`, blame.replace(/"ageMs":\d+/g, '"ageMs":0'));
  });

  Deno.test(`${name}: the next daemon goes on with it`, async () => {
    await using scratch = await makeScratch();
    const store = `${scratch.path}/store`;
    await unpack(name, ends, store);
    isOfThisBoot(store);
    await using daemon = await startDaemon({ args: ["--store", store, "--xen", "no"] });
    const text = await ask(daemon.socketPath, "log", "--json");
    const found = text.split("\n").slice(1), before = await golden(`read-${name}.jsonl.gz`);
    const known = new TextDecoder().decode(before).split("\n").slice(1, -1);
    assertEquals(found.slice(0, known.length), known);
    const { detail, kind, number } = JSON.parse(found[known.length]!);
    const last = JSON.parse(known.at(-1)!).number;
    const end = name.endsWith("killed") ? "after a death" : "after an orderly end";
    assertEquals([kind, detail, number], ["start", end, last + 1]);
  });
}

/** A store of another boot of the host would be put aside. */
function isOfThisBoot(store: string): void {
  const boot = Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
  const database = new DatabaseSync(store);
  database.prepare("UPDATE about SET value = ? WHERE name = 'boot_id'").run(boot);
  database.close();
}
