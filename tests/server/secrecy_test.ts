/** What holds the contents of the store is for its owner alone, whatever the umask. */
import { assertEquals, assertThrows } from "@std/assert";
import {
  readStateFile,
  StateFileError,
  writeStateFile,
} from "../../lib/server/live_update/state_file.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { startDaemon } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { RawClient } from "../support/raw_client.ts";

function modeOf(path: string): number {
  return Deno.statSync(path).mode! & 0o777;
}

Deno.test("secrecy: the store file, its log, its tail and its history", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`, before = Deno.umask(0);
  const starting = startDaemon({ args: ["--store", path] });
  await using daemon = await starting.finally(() => Deno.umask(before));
  await using client = await RawClient.connect(daemon.socketPath);
  assertEquals(await client.ask(T.WRITE, "/secret\0x"), "OK\0");
  const names = [...Deno.readDirSync(scratch.path)].map(({ name }) => name).sort();
  const history = ["store.history", "store.history-wal"];
  assertEquals(names, ["store", "store-wal", ...history, "store.tail"]);
  for (const name of names) assertEquals(modeOf(`${scratch.path}/${name}`), 0o600, name);
});

Deno.test("secrecy: a state on its way to the next daemon", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/state_dump`, bytes = new Uint8Array([1, 2, 3]);
  // Whoever could open a file that is there already could read what is written to it.
  Deno.writeTextFileSync(path, "of others", { mode: 0o666 });
  Deno.chmodSync(path, 0o666);
  assertThrows(() => readStateFile(path), StateFileError, "others may write it");
  const inode = Deno.statSync(path).ino, other = Deno.openSync(path);
  writeStateFile(path, [bytes]);
  assertEquals([modeOf(path), Deno.statSync(path).ino === inode], [0o600, false]);
  assertEquals(readStateFile(path), bytes);
  other.close();
  const link = `${scratch.path}/link`;
  Deno.symlinkSync(path, link);
  assertThrows(() => readStateFile(link), StateFileError, "not a regular file");
  writeStateFile(link, [new Uint8Array([9])]);
  assertEquals(readStateFile(path), bytes);
});
