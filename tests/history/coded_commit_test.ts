/** Commits of several changes as a recorder keeps them: what they are as objects, as bytes, and beside others. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { DamagedError } from "../../lib/codec/journal/byte_reader.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { CodedCommit } from "../../lib/history/coded_commit.ts";
import { IN_MEMORY } from "../../lib/history/database.ts";
import { History } from "../../lib/history/history.ts";
import { PLAIN_PACKER } from "../../lib/history/packing.ts";
import { OneChange } from "../../lib/history/one_change.ts";
import { Pending } from "../../lib/history/pending.ts";
import type { HistoryRecord } from "../../lib/history/record.ts";
import { isUnder } from "../../lib/history/path_set.ts";
import { encodeRecords } from "../../lib/history/record_bytes.ts";
import { decodeRecords } from "../../lib/history/record_reader.ts";
import { Recorder } from "../../lib/history/recorder.ts";
import {
  HISTORY_BLOCK_RECORDS,
  HISTORY_FAST_RECORDS,
  HISTORY_OLD_BYTES_MAX,
  HISTORY_PART_BYTES,
} from "../../lib/limits.ts";
import { Redaction } from "../../lib/store/redaction.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client } from "../support/engine_client.ts";
import { withSeed } from "../support/random.ts";
import { guest, Writer } from "./support.ts";

/** What requests of dom0 are recorded as. */
class World {
  readonly recorder = new Recorder({ wall: () => 7, redaction: new Redaction() });
  readonly client: Client;

  constructor() {
    const engine = new Engine({
      domains: { info: () => null, open: () => 0, reset: () => {}, close: () => {} },
      listener: this.recorder,
    });
    this.client = new Client(engine, 0);
  }

  ask(type: number, payload: string, txId = 0): readonly HistoryRecord[] {
    this.client.ask(type, payload, txId);
    return this.recorder.take();
  }
}

const CHAIN = "/d".repeat(990);

function changesOf(records: readonly HistoryRecord[]): string[] {
  return records.flatMap((record) =>
    record.type === "commit"
      ? record.changes.map(({ new: now, old, path }) => `${path} ${old?.perms} ${now?.perms}`)
      : []
  );
}

Deno.test("coded commits: a chain of a thousand nodes takes bytes in proportion to what is new of each", () => {
  const world = new World();
  const paths = Array.from({ length: 990 }, (_, i) => CHAIN.slice(0, 2 * i + 2));
  const told = [T.MKDIR, T.RM].map((type) => {
    const records = world.ask(type, type === T.RM ? "/d\0" : `${CHAIN}\0`);
    const bytes = encodeRecords(records).slice();
    assert(bytes.length < 990 * 20, `${bytes.length} bytes`);
    assert(records.length > 1, "it has several parts");
    for (const record of records) {
      assert(record instanceof CodedCommit);
      assert(record.coded.weight < 1.1 * HISTORY_PART_BYTES, `${record.coded.weight}`);
    }
    assertEquals(changesOf(decodeRecords(bytes)), changesOf(records));
    return changesOf(records);
  });
  assertEquals(told[0], paths.map((path) => `${path} undefined 0`));
  assertEquals(told[1], paths.map((path) => `${path} 0 undefined`));
});

Deno.test("coded commits: they are read as they were written, whatever stands beside them", () => {
  withSeed((random) => {
    const world = new World(), records: HistoryRecord[] = [], plain: HistoryRecord[] = [];
    for (let i = 0; i < 400; i++) {
      const path = `/${random.below(3)}/${random.below(3)}/${random.below(3)}`;
      const isDeep = random.chance(0.3), above = path.slice(0, 2);
      const some = random.chance(0.3)
        ? world.ask(T.RM, `${above}\0`)
        : world.ask(T.WRITE, `${isDeep ? path : above}\0${i}`);
      for (const record of some) {
        records.push(record);
        assert(record.type === "commit");
        // A copy has all of it.
        plain.push({ ...record, changes: [...record.changes] });
        assertEquals({ ...record }.changes, record.changes);
      }
    }
    assert(records.some((record) => record instanceof CodedCommit));
    const bytes = encodeRecords(records).slice();
    const expected = plain.map((record) => decodeRecords(encodeRecords([record]))[0]!);
    assertEquals(decodeRecords(bytes), expected);
  });
});

Deno.test("coded commits: the history keeps, saves and closes them without decoding their changes", () => {
  const [record] = new World().ask(T.WRITE, "/a/b\0v");
  assert(record instanceof CodedCommit);
  const { at, detail, kind, operations } = record;
  const coded = { ...record.coded, bytes: record.coded.bytes.fill(0xff) };
  const history = new History({ path: IN_MEMORY, store: "a store", packer: PLAIN_PACKER });
  // So many authors that none comes too fast: what is folded must be decoded.
  const authors = Array.from({ length: 4 }, (_, i) => guest(i));
  const records = Array.from({ length: 2 * HISTORY_BLOCK_RECORDS }, (_, i) => {
    const head = { at, detail, kind, operations, number: i + 1, author: authors[i % 4]! };
    return new CodedCommit(head, coded);
  });
  for (const one of records) history.add([one]);
  assert(history.save());
  assertEquals(history.blocks.heads.map(({ count }) => count), [512, 512]);
  assertThrows(() => records[0]!.changes, DamagedError);
  history.abandon();
});

Deno.test("coded commits: hidden values are not in them, and old values of very large ones are not", () => {
  const world = new World();
  world.ask(T.WRITE, "/a/b/vncpasswd/c\0hunter2");
  const [secret] = world.ask(T.RM, "/a\0");
  assert(secret instanceof CodedCommit);
  const shown = secret.changes.map(({ old }) => old?.value);
  assertEquals(shown.slice(2), [{ redacted: 0 }, { redacted: 7 }]);
  assert(shown[0] instanceof Uint8Array);

  const value = "v".repeat(4_000), count = Math.ceil(HISTORY_OLD_BYTES_MAX / value.length) + 5;
  for (let i = 0; i < count; i++) world.ask(T.WRITE, `/many/${i}\0${value}`);
  const changes = world.ask(T.RM, "/many\0").flatMap((record) =>
    record.type === "commit" ? record.changes : []
  );
  const left = changes.map(({ old }) => old!.value).filter((old) => !(old instanceof Uint8Array));
  assert(left.length > 0 && left.length <= 6, `${left.length}`);
  for (const old of left) assertEquals(old, { redacted: 4_000, isLeftOut: true });
});

Deno.test("coded commits: all paths of a part are below its top, also where the next part begins elsewhere", () => {
  const value = "v".repeat(4_000);
  for (const other of ["/b", "/above/b"]) {
    const world = new World();
    const id = parseInt((world.ask(T.TRANSACTION_START, "\0"), world.client.text));
    for (let i = 0; i * value.length < HISTORY_PART_BYTES; i++) {
      world.ask(T.WRITE, `/above/a/${i}\0${value}`, id);
    }
    world.ask(T.WRITE, `${other}\0${other}`, id);
    const parts = world.ask(T.TRANSACTION_END, "T\0", id);
    assert(parts.length > 1);
    for (const part of parts) {
      assert(part instanceof CodedCommit);
      const { changes, coded: { top } } = part;
      for (const { path } of changes) assert(isUnder(path, top), `${path} is not below ${top}`);
    }
  }
});

Deno.test("coded commits: what is folded as it comes is not folded over one that touched its path", () => {
  for (const [path, isTouched] of [["/d/d", true], ["/d", true], ["/e", false]] as const) {
    const world = new World(), [part] = world.ask(T.MKDIR, `${CHAIN}\0`);
    assert(part instanceof CodedCommit);
    const pending = new Pending(), author = guest(1), writer = new Writer();
    let last = 0;
    const write = (): void => {
      const record = OneChange.of(writer.commit(1, author, { [path]: `${last}` }));
      last = record.number;
      pending.add(record);
    };
    for (let i = 0; i < HISTORY_FAST_RECORDS; i++) {
      pending.add(OneChange.of(writer.commit(1, author, { [`/other/${i}`]: "v" })));
    }
    write();
    write();
    const { length } = pending.records;
    pending.add(part);
    write();
    write();
    assertEquals(pending.records.length, length + (isTouched ? 2 : 1), path);
  }
});
