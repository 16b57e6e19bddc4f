/** Answers are what was done, whole, and the same behind a way through bytes. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { DamagedError } from "../../lib/codec/journal/byte_reader.ts";
import { AnswerDecoder, AnswerEncoder } from "../../lib/history/answer_bytes.ts";
import { type Answer, answer } from "../../lib/history/answers.ts";
import { IN_MEMORY } from "../../lib/history/database.ts";
import { History } from "../../lib/history/history.ts";
import { formatQuery, parseQuery, type Query } from "../../lib/history/query.ts";
import type { Commit } from "../../lib/history/record.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { type Random, roundsOf, withSeed } from "../support/random.ts";
import { RandomHistory } from "./random_history.ts";
import { beginHistory, guest, packer, textNode, Writer } from "./support.ts";

function randomQuery(random: Random, last: number): Query {
  const commit = (): { kind: "commit"; number: number; back: number } => {
    return { kind: "commit", number: random.below(last + 2), back: random.below(3) };
  };
  const path = random.pick(["/", "/a", "/local/domain/2", "/none"]);
  switch (random.below(4)) {
    case 0:
      return {
        kind: "log",
        since: random.chance(0.3) ? commit() : null,
        until: random.chance(0.3) ? commit() : null,
        filter: random.chance(0.5) ? { paths: [path] } : {},
        backwards: random.chance(0.5),
        last: random.chance(0.5) ? random.below(200) : null,
      };
    case 1:
      return { kind: "show", point: commit() };
    case 2:
      return {
        kind: "blame",
        path,
        at: random.chance(0.5) ? commit() : null,
        recursive: random.chance(0.7),
        deleted: random.chance(0.3),
      };
    default:
      return { kind: "at", at: commit(), tops: [path, "/a/b"], levels: random.pick([null, 0, 1]) };
  }
}

function answersOf(history: History, query: Query): Answer[] {
  return [...answer(history, query)].filter((found) => found !== null);
}

Deno.test("answers: bytes, however they are cut, are what was answered", () => {
  let count = 0;
  for (const { seed } of roundsOf(4, 2)) {
    withSeed((random) => {
      const source = new RandomHistory(random);
      source.number = 0;
      const history = new History({ path: IN_MEMORY, store: "a store", packer });
      history.beginKeyframe(source.now, []);
      const upkeep = new HistoryUpkeep(history, {
        bytes: 60_000,
        age: Infinity,
      });
      for (let i = 0; i < 8; i++) {
        history.add(Array.from({ length: 300 }, () => source.next()));
        while (random.chance(0.9) && upkeep.step(source.now));
      }
      for (let i = 0; i < 60; i++) {
        const query = randomQuery(random, history.last);
        assertEquals(parseQuery(formatQuery(query)), query);
        const direct = answersOf(history, query);
        const found = throughBytes(random, direct);
        const sorted = query.kind === "blame";
        assertEquals(sorted ? byPath(found) : found, sorted ? byPath(direct) : direct);
        count += direct.length;
      }
      history.close();
    }, seed);
  }
  assert(count > 5_000, `${count} answers`);
});

/** Those of one frame come in the order of their commits. */
function byPath(answers: readonly Answer[]): Answer[] {
  const key = (found: Answer): string => "path" in found ? found.path : "";
  return [...answers].sort((a, b) => key(a) < key(b) ? -1 : 1);
}

function throughBytes(random: Random, answers: readonly Answer[]): Answer[] {
  const encoder = new AnswerEncoder(), decoder = new AnswerDecoder(), found: Answer[] = [];
  const send = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length;) {
      const size = 1 + random.below(random.pick([3, 100, 4_096]));
      found.push(...decoder.feed(bytes.subarray(at, at + size)));
      at += size;
    }
  };
  for (const one of answers) {
    encoder.add(one);
    if (random.chance(0.02)) send(encoder.take());
    if (random.chance(0.02)) encoder.wait();
  }
  send(encoder.take());
  return found;
}

Deno.test("answers: bytes that are none are refused", () => {
  const feed = (
    ...bytes: number[]
  ): Answer[] => [...new AnswerDecoder().feed(Uint8Array.from(bytes))];
  assertEquals(feed(0, 0, 0, 0, 0), []);
  assertThrows(() => feed(9, 0, 0, 0, 0), DamagedError, "there is no answer of kind 9");
  assertThrows(() => feed(2, 1, 0, 0, 0, 7), DamagedError, "a record has no role");
  assertThrows(() => feed(3, 255, 255, 255, 255), DamagedError, "an answer is too long");
});

Deno.test("queries: what is none is refused", () => {
  const point = { kind: "commit", number: 1, back: 0 };
  const log = { kind: "log", since: null, until: null, filter: {}, backwards: false, last: null };
  assert(parseQuery(JSON.stringify(log)) !== null);
  assert(parseQuery(JSON.stringify({ kind: "show", point })) !== null);
  const wrong: unknown[] = [
    null,
    7,
    [],
    {},
    { kind: "drop" },
    { ...log, more: 1 },
    { ...log, last: -1 },
    { ...log, last: 1.5 },
    { ...log, since: { kind: "time" } },
    { ...log, since: { kind: "commit", number: 1, back: -1 } },
    { ...log, filter: { paths: ["relative"] } },
    { ...log, filter: { paths: "/a" } },
    { ...log, filter: { kind: "drop" } },
    { ...log, filter: { text: "\u1234" } },
    { ...log, filter: null },
    { kind: "show" },
    { kind: "show", point: { kind: "start", more: 1 } },
    { kind: "blame", path: "/a", at: null, recursive: 1, deleted: false },
    { kind: "at", at: point, tops: "/" },
  ];
  for (const query of wrong) assertEquals(parseQuery(JSON.stringify(query)), null);
  assertEquals(parseQuery("{"), null);
});

Deno.test("blame: what is not as its last change left it was changed where that was not recorded", () => {
  const history = beginHistory(), writer = new Writer();
  history.add([
    writer.commit(1, guest(1), { "/kept": "1", "/changed": "1", "/gone": "1" }),
    writer.commit(2, guest(1), { "/later": "1" }),
  ]);
  const restore: Commit = { ...writer.commit(3, guest(0), {}, "restore"), isKeyframe: true };
  history.add([restore]);
  const nodes = { "/changed": "2", "/kept": "1", "/later": "1", "/new": "1" };
  history.beginKeyframe(3, Object.entries(nodes).map(([path, text]) => [path, textNode(text)]));
  while (history.stepKeyframe());
  history.add([writer.commit(4, guest(2), { "/later": "2" })]);
  const told = (deleted: boolean): unknown => {
    const query = { kind: "blame", path: "/", at: null, recursive: true, deleted } as const;
    const found = answersOf(history, query).filter((one) => one.type === "blame");
    return found.map(({ commit, path }) => [path, commit?.number]).sort();
  };
  assertEquals(told(false), [["/changed", 3], ["/kept", 1], ["/later", 4], ["/new", 3]]);
  assertEquals(told(true), [["/gone", 3]]);
  history.close();
});

Deno.test("at: no more levels than are asked for", () => {
  const history = beginHistory(), writer = new Writer();
  history.add([writer.commit(1, guest(1), { "/a": "", "/a/b": "", "/a/b/c": "", "/ab": "" })]);
  const found = (top: string, levels: number | null): string[] => {
    const at = { kind: "commit", number: 1, back: 0 } as const;
    return answersOf(history, { kind: "at", at, tops: [top], levels })
      .flatMap((one) => one.type === "node" ? one.path : []).sort();
  };
  assertEquals(found("/a", 0), ["/a"]);
  assertEquals(found("/a", 1), ["/a", "/a/b"]);
  assertEquals(found("/", 1), ["/a", "/ab"]);
  assertEquals(found("/a", null), ["/a", "/a/b", "/a/b/c"]);
  history.close();
});
