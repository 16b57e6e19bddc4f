/** A supervised daemon that dies while the disk fails: it is started again until it can. */
import { assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { ALL_FILES, EIO, faultsMissing, FaultyDisk } from "../support/disk_faults.ts";
import { RawClient } from "../support/raw_client.ts";
import { until } from "../support/patience.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";
import { Supervised } from "../support/supervised.ts";

testUnless(
  faultsMissing(),
  "supervised: clients outlast a start that a disk has failed",
  async () => {
    await using scratch = await makeScratch();
    const disk = await FaultyDisk.make(scratch.path);
    // Without a limit, since a slow machine may take long to mend it.
    const args = ["--persist", "disk", "--store", disk.store, "--restarts", "0"];
    await using supervised = await Supervised.start(args, `${scratch.path}/socket`, disk.env());
    await using client = await RawClient.connect(supervised.path);
    assertEquals(await client.ask(T.WRITE, "/a\0one"), "OK\0");
    for (
      const fail of [() => disk.failSyncs(EIO, ALL_FILES), () => disk.failWrites(EIO, ALL_FILES)]
    ) {
      fail();
      await supervised.kill();
      const said = (): number => supervised.server.output().split("status 1").length;
      const before = said();
      await until("two attempts", () => said() >= before + 2);
      disk.failSyncs(0, 0);
      disk.failWrites(0, 0);
      assertEquals(await client.ask(T.READ, "/a\0"), "one");
    }
  },
);
