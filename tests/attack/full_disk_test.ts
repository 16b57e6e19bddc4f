/** Guests fill the file system of the store, and are destroyed: dom0 writes again, without a restart. */
import { assert } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { deadline, pause } from "../support/patience.ts";
import { testSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { smallDisk } from "../support/small_disk.ts";
import { Attacker, request } from "../support/attack/attacker.ts";
import { ATTACKS } from "../support/attack/attacks.ts";
import { type Length, Skirmish } from "./skirmish.ts";
import { SmallHost } from "./small_host.ts";

/** So small that six guests within their quotas fill it. */
const DISK_MEGABYTES = 14;

const ROUND: Length = { turns: 500, ms: 100 };
const ROUNDS_MAX = 100;

/** The error word of dom0's WRITE, "" for none. */
function write(host: SmallHost): string {
  const client = new Attacker(host.connect("after"), 1);
  client.play([request(T.WRITE, "/after\0the attack")].values() as Generator<Uint8Array, void>);
  while (client.replies === 0) {
    client.step();
    host.turn();
  }
  client.disconnect();
  return client.lastError;
}

Deno.test("guests that fill the disk: dom0 writes again when they are gone", async () => {
  await using scratch = await makeScratch();
  await using disk = await smallDisk(scratch.path, DISK_MEGABYTES);
  if (disk === null) {
    console.log("no right to mount a small file system: tests/journal/no_space_test.ts must do");
    return;
  }
  const host = new SmallHost(scratch.path);
  const attack = ATTACKS.find(({ name }) => name === "pinned-values")!;
  const skirmish = new Skirmish(attack, host, testSeed());
  for (let rounds = 0; !skirmish.crew.errors.has("ENOSPC"); rounds++) {
    assert(rounds < ROUNDS_MAX, "the disk was never full");
    skirmish.fight(ROUND);
  }
  const read = skirmish.quietGuest.times.length;
  skirmish.fight(ROUND);
  assert(skirmish.quietGuest.times.length > read, "reads go on");
  skirmish.end();
  const end = deadline("dom0 to write again");
  while (write(host) !== "") {
    end.check();
    await pause(1);
  }
  host.close();
});
