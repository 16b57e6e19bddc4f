import { encodeMessage } from "../../../../lib/wire/header.ts";
import { MessageType } from "../../../../lib/wire/message_type.ts";
import {
  CONNECTION,
  ERROR,
  ERROR_INDEX,
  ERROR_NONE,
  ERROR_PROTOCOL,
  RECONNECT,
  REQ_CONS,
  REQ_PROD,
  RING_SIZE,
  RSP_CONS,
  RSP_PROD,
  SERVER_FEATURES,
} from "../../../../lib/transport/ring_page.ts";
import { type CodeRow, guest, type Row, type Scenario, scenario, times } from "../table.ts";
import type { World } from "../../worlds/world.ts";

/** A header that announces `len` bytes, and none of them. */
function headerOf(len: number): Uint8Array {
  const message = encodeMessage(MessageType.READ, 1, 0, new Uint8Array(0)).slice();
  new DataView(message.buffer).setUint32(12, len, true);
  return message;
}

const code = (run: (world: World) => Promise<void>): CodeRow => ({ code: run });

/** Sends bytes that are no whole message. */
const sendRaw = (name: string, bytes: Uint8Array): CodeRow =>
  code(async (world) => await world.raw?.(name, bytes));

/** A word of the ring page must have a value. */
const expectWord = (name: string, word: number, wanted: number): CodeRow =>
  code(async (world) => {
    const value = await world.word?.(name, word);
    if (value !== wanted) throw new Error(`word ${word} of ${name} is ${value}, not ${wanted}`);
  });

const setWords = (name: string, words: readonly (readonly [number, number])[]): CodeRow =>
  code(async (world) => await world.setWords?.(name, words));

const expectHangUp = (name: string): CodeRow =>
  code(async (world) => {
    if (!await world.hungUp?.(name)) throw new Error(`${name} was not hung up`);
  });

/** Puts the producer too far ahead of the consumer. */
const breakIndices = (name: string): CodeRow =>
  code(async (world) => {
    const consumed = await world.word?.(name, REQ_CONS) ?? 0;
    await world.setWords?.(name, [[REQ_PROD, (consumed + 2000) >>> 0]]);
  });

/** The daemon goes on without `g1`, and takes it back when it is introduced again. */
const ignoredUntilIntroduced: readonly Row[] = [
  ["s", "IS_DOMAIN_INTRODUCED", "1.", "T."],
  ["s", "INTRODUCE", "1.1.6.", "OK"],
  expectWord("g1", ERROR, ERROR_NONE),
  ["g1", "READ", "data.", ""],
];

/** All four indices at `value`, as a guest may find or leave them. */
const moveIndices = (value: number): CodeRow =>
  setWords("g1", [[REQ_CONS, value], [REQ_PROD, value], [RSP_CONS, value], [RSP_PROD, value]]);

/** Reference sections 1.1, 5.1 to 5.4 and 6.1: streams of bytes, ring pages, hang-ups. */
export const wire: readonly Scenario[] = [
  scenario("vector 46: a length of 4097 on a ring", [
    ...guest(1),
    ["g1", "READ", "data.", ""],
    sendRaw("g1", headerOf(4097)),
    expectWord("g1", ERROR, ERROR_PROTOCOL),
  ], "rings"),
  scenario("vector 47: a producer index 2000 bytes ahead", [
    ...guest(1),
    ["g1", "READ", "data.", ""],
    breakIndices("g1"),
    expectWord("g1", ERROR, ERROR_INDEX),
  ], "rings"),
  scenario("vector 48: a length of 4097 on a socket", [
    ["s2", "READ", "/tool.", ""],
    sendRaw("s2", headerOf(4097)),
    expectHangUp("s2"),
    ["s", "READ", "/tool.", ""],
  ], "bytes"),
  scenario("XSA-420: a length of 4 GiB is as much too long", [
    ["s2", "READ", "/tool.", ""],
    sendRaw("s2", headerOf(0xffffffff)),
    expectHangUp("s2"),
    ["s", "READ", "/tool.", ""],
  ], "bytes"),
  scenario("XSA-420: numbers with the highest bit are no negative ones", [
    ["s", "READ", "/tool.", "ENOENT", { tx: 0x80000000 }],
    ["s", "READ", "/tool.", "ENOENT", { tx: 0xffffffff }],
    ["s", 0x80000001, "/tool.", "ENOSYS"],
    ["s", "READ", "/tool.", ""],
  ], "bytes"),
  scenario("XSA-484: a ring breaks with a transaction open", [
    ...guest(1),
    ["g1", "WATCH", "data.t.", "OK", { events: { g1: ["data.t."] } }],
    ["g1", "TRANSACTION_START", ".", "1."],
    ["g1", "WRITE", "data/a.v", "OK", { tx: 1 }],
    breakIndices("g1"),
    expectWord("g1", ERROR, ERROR_INDEX),
    ["s", "READ", "/local/domain/1/data/a.", "ENOENT"],
    ["s", "CONTROL", "quota.1.", /watches +: +0 /],
    ["s", "CONTROL", "quota.1.", /transactions +: +0 /],
    ["s", "INTRODUCE", "1.1.6.", "OK"],
    ["g1", "READ", "data/a.", "ENOENT"],
  ], "rings"),
  scenario("the longest request is served", [
    ["s", "WRITE", `/a.${"v".repeat(4093)}`, "OK"],
    ["s", "READ", "/a.", "v".repeat(4093)],
  ], "bytes"),
  scenario("half a header delays nobody", [
    ["s2", "READ", "/tool.", ""],
    sendRaw("s2", headerOf(6).slice(0, 7)),
    ["s", "READ", "/tool.", ""],
    sendRaw("s2", headerOf(6).slice(7)),
    ["s", "WRITE", "/a.v", "OK"],
  ], "sockets"),
  scenario("offered features stand in the page", [
    ...guest(1),
    ["g1", "READ", "data.", ""],
    expectWord("g1", SERVER_FEATURES, 14),
  ], "rings"),
  scenario("a guest ignored for its length is introduced again (C: never revived)", [
    ...guest(1),
    ["g1", "WATCH", "data.t.", "OK", { events: { g1: ["data.t."] } }],
    ["g1", "TRANSACTION_START", ".", "1."],
    code(async (world) => await world.raw?.("g1", headerOf(4097))),
    expectWord("g1", ERROR, ERROR_PROTOCOL),
    ["s", "INTRODUCE", "1.1.6.", "OK"],
    ["s", "WRITE", "/local/domain/1/data/x.v", "OK"],
    ["g1", "READ", "data/x.", "ENOENT", { tx: 1 }],
    ...ignoredUntilIntroduced,
  ], "rings"),
  scenario("XSA-38: a full ring is no error", [
    ...guest(1),
    ["g1", "WRITE", `data/a.${"v".repeat(RING_SIZE - 16 - 7)}`, "OK"],
    ["g1", "WRITE", `data/a.${"v".repeat(2000)}`, "OK"],
    ["g1", "READ", "data/a.", "v".repeat(2000)],
  ], "rings"),
  scenario("XSA-38: broken indices are found, and the guest ignored until introduced again", [
    ...guest(1),
    ["g1", "READ", "data.", ""],
    breakIndices("g1"),
    expectWord("g1", ERROR, ERROR_INDEX),
    ["s", "INTRODUCE", "1.1.6.", "OK"],
    ...ignoredUntilIntroduced,
  ], "rings"),
  scenario("XSA-72: an answer never has more than 4096 bytes", [
    ...guest(1),
    ...times(500, (i) => ["s", "WRITE", `/big/child-${String(i).padStart(3, "0")}.`, "OK"]),
    ["s", "SET_PERMS", "/big.n0.r1.", "OK"],
    ["g1", "DIRECTORY", "/big.", "E2BIG"],
    ["g1", "READ", "/big.", ""],
  ], "rings"),
  scenario("XSA-325: a guest that broke its ring still dies in public", [
    ...guest(1),
    ["s", "WATCH", "@releaseDomain.r.", "OK", { events: { s: ["@releaseDomain.r."] } }],
    ["g1", "READ", "data.", ""],
    code(async (world) => {
      await world.raw?.("g1", headerOf(4097));
      if (await world.word?.("g1", ERROR) !== ERROR_PROTOCOL) throw new Error("not ignored");
    }),
    ["s", "INTRODUCE", "1.1.6.", "OK"],
    { domain: 1, change: "gone", events: { s: ["@releaseDomain.r."] } },
    ["s", "IS_DOMAIN_INTRODUCED", "1.", "F."],
  ], "rings"),
  scenario("indices start anywhere and wrap", [
    ...guest(1),
    ["g1", "READ", "data.", ""],
    moveIndices(0xfffffff0),
    ["g1", "WRITE", "data/a.value", "OK"],
    ["g1", "READ", "data/a.", "value"],
    moveIndices(RING_SIZE - 1),
    ["g1", "READ", "data/a.", "value"],
  ], "rings"),
  scenario("a page that its guest zeroed is taken as it is", [
    ...guest(1),
    ["g1", "WRITE", "data/a.value", "OK"],
    moveIndices(0),
    ["g1", "READ", "data/a.", "value"],
  ], "rings"),
  scenario("INTRODUCE answers a guest that asks to be connected again", [
    ...guest(1),
    ["g1", "READ", "data.", ""],
    setWords("g1", [[CONNECTION, RECONNECT]]),
    ["s", "INTRODUCE", "1.1.6.", "OK"],
    expectWord("g1", CONNECTION, 0),
    ["g1", "READ", "data.", ""],
  ], "rings"),
  scenario("INTRODUCE again drops half a request", [
    ...guest(1),
    ["g1", "READ", "data.", ""],
    sendRaw("g1", headerOf(100)),
    ["s", "INTRODUCE", "1.1.6.", "OK"],
    ["g1", "READ", "data.", ""],
  ], "rings"),
  scenario("the same event is not queued twice", [
    ["s", "WATCH", "/a.t.", "OK", { events: { s: ["/a.t."] } }],
    ["s", "WATCH", "/.t.", "OK", { events: { s: ["/.t."] } }],
    ["s", "WRITE", "/a.v", "OK", { events: { s: ["/a.t."] } }],
    ["s", "WRITE", "/a.v", "OK", { events: { s: ["/a.t."] } }],
  ], "bytes"),
];
