/** What `xs dump`, `xs restore` and `xs diff` make of files: each format written, and read back. */
import { assertEquals } from "@std/assert";
import { makeScratch } from "../support/scratch.ts";
import { dump, xs } from "./commands.ts";
import { assertGolden, FILES } from "./golden.ts";
import { piecesOf } from "./store_bytes.ts";

const CORPUS = new URL("../migrate/corpus/", import.meta.url).pathname;

/** Everything, as it is written: the file, and how it is asked for. */
const WRITTEN: readonly (readonly [file: string, ...options: string[]])[] = [
  ["stream-v1-little.bin", "--version", "1"],
  ["stream-v1-big.bin", "--version", "1", "--endian", "big"],
  ["live-update-xs-v2.bin"],
  ["stream-v2-big.bin", "--endian", "big"],
  ["oxenstored.bin", "--format", "oxenstored-binary"],
  ["all.jsonl", "--format", "json"],
  ["all.txt", "--format", "text"],
];

for (const [file, ...options] of WRITTEN) {
  Deno.test(`everything as ${file}`, async () => {
    const [bytes] = await dump(`${FILES}live-update-xs-v2.bin`, ...options);
    await assertGolden(file, bytes);
    const [again] = await dump(`${FILES}all.jsonl`, ...options);
    await assertGolden(file, again);
  });
}

/** Files in each format that is read, ours and others', and which their records are, as JSON. */
const READ: readonly (readonly [path: string, json: string])[] = [
  ["live-update-xs-v2.bin", "all"],
  ["stream-v2-big.bin", "all"],
  ["all.jsonl", "all"],
  ["stream-v1-little.bin", "read-v1"],
  ["stream-v1-big.bin", "read-v1"],
  ["live-update-xs-v1.bin", "read-v1"],
  ["live-update-c-v1.bin", "read-for-c"],
  ["live-update-c-v2.bin", "read-for-c"],
  ["oxenstored.bin", "read-oxenstored"],
  ["dump-1.bin", "read-dump-1"],
  ["draft-little.bin", "read-draft"],
  ["draft-big.bin", "read-draft"],
  ["oxenstored-by-hand.txt", "read-oxenstored-by-hand.txt"],
  ["oxenstored-by-hand.bin", "read-oxenstored-by-hand.bin"],
];
const CORPUS_FILES = [...Deno.readDirSync(CORPUS)].map(({ name }) => name)
  .filter((name) => /\.(bin|txt)$/.test(name)).sort();
const ALL_READ = [
  ...READ.map(([file, json]) => [file, FILES + file, json] as const),
  ...CORPUS_FILES.map((file) => [file, CORPUS + file, `read-${file}`] as const),
];

for (const [name, path, json] of ALL_READ) {
  Deno.test(`${name} as JSON`, async () => {
    const [bytes, notes] = await dump(path, "--format", "json");
    await assertGolden(`${json}.jsonl`, bytes);
    const isNoted = name.startsWith("oxenstored") && name.endsWith(".txt") || /depth/.test(name);
    if (isNoted) await assertGolden(`${json}.notes`, notes.replaceAll(path, name));
    else assertEquals(notes, "");
  });
}

for (const file of ["live-update-xs-v2.bin", "stream-v1-big.bin", "oxenstored.bin"]) {
  Deno.test(`a store file made of ${file}`, async () => {
    await using scratch = await makeScratch();
    const store = `${scratch.path}/store`;
    const { err, out, status } = await xs("restore", "--over-quota", "--into", store, FILES + file);
    assertEquals(status, 0, err);
    await assertGolden(
      `made-of-${file}.txt`,
      (out + err).replaceAll(store, "STORE").replaceAll(FILES, ""),
    );
    await assertGolden(`made-of-${file}.image.txt`, piecesOf(store));
    const [bytes] = await dump(store, "--format", "json");
    await assertGolden(`made-of-${file}.jsonl`, bytes);
  });
}

for (
  const [from, to] of [
    ["live-update-xs-v2.bin", "recovered-live-update.bin"],
    ["all.jsonl", "stream-v1-big.bin"],
    ["draft-little.bin", "oxenstored-by-hand.txt"],
    ["dump-1.bin", "dump-2.bin"],
  ]
) {
  Deno.test(`the differences of ${from} and ${to}`, async () => {
    for (const options of [[], ["--json"]]) {
      const { out, status } = await xs("diff", ...options, FILES + from, FILES + to);
      assertEquals(status, 1);
      const name = `diff-${from}-${to}${options.length > 0 ? ".jsonl" : ".txt"}`;
      await assertGolden(name, out.replaceAll(FILES, ""));
    }
  });
}

Deno.test("formats that say the same do not differ", async () => {
  for (const file of ["stream-v2-big.bin", "all.jsonl"]) {
    const { out, status } = await xs("diff", `${FILES}live-update-xs-v2.bin`, FILES + file);
    assertEquals([status, out], [0, ""]);
  }
});
