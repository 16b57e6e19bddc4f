import { assertEquals, assertThrows } from "@std/assert";
import { makeScratch } from "../support/scratch.ts";
import { CpioArchive } from "./cpio.ts";

interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly content: string;
}

/** Reads an archive as Linux does: Documentation/driver-api/early-userspace/buffer-format.rst. */
function readArchive(bytes: Uint8Array): Entry[] {
  const text = (from: number, to: number): string =>
    new TextDecoder().decode(bytes.subarray(from, to));
  const aligned = (at: number): number => at + (4 - at % 4) % 4;
  const entries: Entry[] = [];
  for (let at = 0; at < bytes.length;) {
    assertEquals(text(at, at + 6), "070701");
    const field = (index: number): number => {
      const from = at + 6 + 8 * index;
      return parseInt(text(from, from + 8), 16);
    };
    const nameEnd = at + 110 + field(11);
    const start = aligned(nameEnd);
    const end = start + field(6);
    entries.push({
      path: text(at + 110, nameEnd - 1),
      mode: field(1),
      content: text(start, end),
    });
    at = aligned(end);
  }
  return entries;
}

Deno.test("an archive holds what was put in, folders before what is in them", async () => {
  await using scratch = await makeScratch();
  const archive = new CpioArchive();
  archive.file("/usr/bin/tool", "#!/bin/sh\n", 0o755);
  archive.file("/odd", "12345");
  archive.link("/usr/bin/other", "tool");
  archive.folder("/empty");
  await archive.write(`${scratch.path}/archive`);
  assertEquals(readArchive(await Deno.readFile(`${scratch.path}/archive`)), [
    { path: "usr", mode: 0o040755, content: "" },
    { path: "usr/bin", mode: 0o040755, content: "" },
    { path: "usr/bin/tool", mode: 0o100755, content: "#!/bin/sh\n" },
    { path: "odd", mode: 0o100644, content: "12345" },
    { path: "usr/bin/other", mode: 0o120777, content: "tool" },
    { path: "empty", mode: 0o040755, content: "" },
    { path: "TRAILER!!!", mode: 0, content: "" },
  ]);
});

Deno.test("an archive refuses a second entry of the same path", () => {
  const archive = new CpioArchive();
  archive.file("/a", "1");
  assertThrows(() => archive.file("/a", "2"), Error, "/a is in the archive already");
});
