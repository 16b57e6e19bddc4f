/** Guests that take nothing, at `xs` and at C xenstored: how far are their requests handled? */
import { assertEquals } from "@std/assert";
import { RingWorld } from "../support/worlds/ring_world.ts";
import { SilentGuest } from "../support/worlds/silent_guest.ts";
import type { World } from "../support/worlds/world.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { referenceMissing } from "../support/reference/daemon.ts";
import { testUnless } from "../support/skip.ts";
import { furnish } from "./guests.ts";
import { ReferenceWorld } from "./reference_world.ts";

const BIG = "x".repeat(1500);

/** How many of domain 1's writes are done while it takes no answer to a read before them. */
async function handled(world: World, sent: number): Promise<number> {
  await furnish(world);
  const silent = new SilentGuest(world, "g1");
  await world.request("s", T.WRITE, toBytes(`/local/domain/1/data/big\0${BIG}`), 0);
  await silent.begin();
  await silent.put(T.READ, toBytes("data/big\0"));
  for (let i = 0; i < sent; i++) await silent.put(T.WRITE, toBytes(`data/${i}\0`));
  for (let looks = 0; looks < 100; looks++) await world.drain("s");
  const reply = (await world.request("s", T.DIRECTORY, toBytes("/local/domain/1/data\0"), 0)).at(
    -1,
  )!;
  const done = reply.text.split("\0").filter((name) => /^\d+$/.test(name)).length;
  await silent.takeMany(1 + sent);
  return done;
}

testUnless(
  await referenceMissing(),
  "a guest that takes nothing has as many requests handled as by C xenstored",
  async () => {
    await using reference = await ReferenceWorld.start();
    await using ours = new RingWorld();
    const wanted = await handled(reference, 28);
    assertEquals(await handled(ours, 28), wanted);
    assertEquals(wanted, 19);
  },
);
