/** A daemon's dump on its way into a file: what of it is in memory, and what becomes of the file. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ArchiveError } from "../../lib/archive/archive.ts";
import { dumpToFile } from "../../lib/archive/dump_to_file.ts";
import { Interrupt } from "../../lib/archive/interrupt.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { Operations } from "../../lib/client/operations.ts";
import type { Session } from "../../lib/client/session.ts";
import { DUMP_REQUESTS_AHEAD, WRITE_BUFFER_BYTES } from "../../lib/limits.ts";
import { PAYLOAD_MAX } from "../../lib/wire/header.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { encodeStream } from "../support/encode_stream.ts";
import { NO_PROGRESS } from "../support/no_progress.ts";
import { makeScratch } from "../support/scratch.ts";

const LITTLE = { format: "stream", version: 2, endian: "little" } as const;

/** What each stream begins with. */
const PREAMBLE = encodeStream([], LITTLE).subarray(0, 16);

interface Told {
  /** How many jobs were begun, and given up. */
  begun: number;
  cancelled: number;
}

/** A daemon that answers the read `read`, counted from 0 in each job, of the job `job`, counted from 1. */
function daemon(
  answer: (read: number, job: number) => Uint8Array | Error,
): Told & { readonly nodes: Operations } {
  let reads = 0, isOver = false;
  const told = { begun: 0, cancelled: 0 };
  const request = (_type: number, _txId: number, payload: Uint8Array): Promise<Uint8Array> => {
    const words = toText(payload).split("\0");
    if (words[0] === "dump") {
      reads = 0;
      return Promise.resolve(toBytes(`job ${++told.begun}\0`));
    }
    if (words[2] === "cancel") told.cancelled++;
    if (words[2] !== "read") {
      return Promise.resolve(toBytes(isOver ? "done all of it\0" : "running 0 of 2\0"));
    }
    const bytes = answer(reads++, told.begun);
    if (bytes instanceof Error) return Promise.reject(bytes);
    isOver = bytes.length === 0;
    return Promise.resolve(bytes);
  };
  return Object.assign(told, { nodes: new Operations({ request } as unknown as Session) });
}

function context(nodes: Operations): Parameters<typeof dumpToFile>[2] {
  return {
    connect: () => Promise.resolve(nodes),
    interrupt: new Interrupt(),
    progress: NO_PROGRESS,
  };
}

/** A piece of a dump whose first bytes say which. */
function piece(read: number, byte: number): Uint8Array {
  const bytes = new Uint8Array(PAYLOAD_MAX).fill(byte);
  if (read === 0) bytes.set(PREAMBLE);
  return bytes;
}

function namesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name);
}

Deno.test("a dump of 64 MiB goes into its file as it comes: only a buffer of it is in memory", async () => {
  await using scratch = await makeScratch();
  const file = `${scratch.path}/dump`, pieces = 16_384;
  let given = 0, held = 0;
  const { nodes } = daemon((read) => {
    const [part] = namesIn(scratch.path);
    held = Math.max(held, given - Deno.statSync(`${scratch.path}/${part}`).size);
    if (read >= pieces) return new Uint8Array(0);
    given += PAYLOAD_MAX;
    return piece(read, 7);
  });
  assertEquals(await dumpToFile(file, LITTLE, context(nodes)), false);
  assertEquals(Deno.statSync(file).size, pieces * PAYLOAD_MAX);
  assertEquals(namesIn(scratch.path), ["dump"]);
  const most = WRITE_BUFFER_BYTES + DUMP_REQUESTS_AHEAD * PAYLOAD_MAX;
  assert(held <= most, `${held} bytes were in memory, of at most ${most}`);
});

Deno.test("a dump that begins anew in the middle leaves nothing of the first one in its file", async () => {
  await using scratch = await makeScratch();
  const file = `${scratch.path}/dump`;
  const told = daemon((read, job) => {
    if (job === 1) {
      return read < 200 ? piece(read, 1) : new XenstoreError("ENOENT", "control", "archive");
    }
    return read < 100 ? piece(read, 2) : new Uint8Array(0);
  });
  Deno.writeTextFileSync(file, "old");
  assertEquals(await dumpToFile(file, LITTLE, context(told.nodes)), true);
  const bytes = Deno.readFileSync(file);
  assertEquals([bytes.length, told.begun], [100 * PAYLOAD_MAX, 2]);
  assertEquals(bytes.indexOf(1, PREAMBLE.length), -1);
  assertEquals(namesIn(scratch.path), ["dump"]);
});

Deno.test("a daemon that writes another form is left in peace, and so is the file", async () => {
  await using scratch = await makeScratch();
  const file = `${scratch.path}/dump`;
  Deno.writeTextFileSync(file, "old");
  for (const how of [{ ...LITTLE, endian: "big" }, { ...LITTLE, version: 1 }] as const) {
    const told = daemon((read) => piece(read, 3));
    assertEquals(await dumpToFile(file, how, context(told.nodes)), null);
    assertEquals([told.begun, told.cancelled], [1, 1], "the job keeps others waiting");
  }
  assertEquals([Deno.readTextFileSync(file), namesIn(scratch.path)], ["old", ["dump"]]);
});

Deno.test("a dump that its daemon ends in the middle leaves no file", async () => {
  await using scratch = await makeScratch();
  const told = daemon((read) =>
    read < 200 ? piece(read, 4) : new XenstoreError("ECONNRESET", "connection to", "/socket")
  );
  const dump = (): Promise<unknown> =>
    dumpToFile(`${scratch.path}/dump`, LITTLE, context(told.nodes));
  await assertRejects(dump, XenstoreError);
  assertEquals(namesIn(scratch.path), []);
  const noFolder = `${scratch.path}/none/dump`;
  await assertRejects(() => dumpToFile(noFolder, LITTLE, context(told.nodes)), ArchiveError);
  assertEquals(told.begun, 1, "it asked for a dump that it has no place for");
});
