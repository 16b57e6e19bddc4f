/** What clients wrote reaches no terminal, log, trace or JSON as anything but what can be seen. */
import { systemClock } from "../../lib/clock.ts";
import { assert, assertEquals } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { printJson } from "../../cmd/json.ts";
import { CommandError, reportFailure } from "../../cmd/report.ts";
import { readable } from "../../cmd/shell.ts";
import { differenceJson, differenceLines } from "../../lib/archive/diff_text.ts";
import { fromJson, toJsonLines } from "../../lib/codec/json.ts";
import { toTextLines } from "../../lib/codec/text.ts";
import { Client } from "../../lib/client/client.ts";
import { escapeValue } from "../../lib/wire/stock_escape.ts";
import type { StateRecord } from "../../lib/state/records.ts";
import { LogAndMemoryControl } from "../../lib/server/process/log_and_memory_control.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { FileLog } from "../../lib/server/logging/log.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { permEntry } from "../../lib/store/perms.ts";
import { escapeByteLines, escapeBytes, escapeText } from "../../lib/wire/escape.ts";
import { jsonLine, valueJson } from "../../lib/wire/json.ts";
import { decodeHeader, emptyHeader, encodeMessage } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { domain, node, ring, watch } from "../support/records.ts";
import { makeScratch } from "../support/scratch.ts";
import { fakeShell } from "../support/fake_shell.ts";

const encoder = new TextEncoder();

/** One code point of every kind that can't be seen, at both ends of its range, and its form. */
const UNSEEN: readonly [codePoint: number, form: string][] = [
  [0x00, "\\u0000"],
  [0x0a, "\\u000a"],
  [0x1b, "\\u001b"],
  [0x1f, "\\u001f"],
  [0x7f, "\\u007f"],
  [0x80, "\\u0080"],
  [0x9b, "\\u009b"],
  [0x9f, "\\u009f"],
  [0xa0, "\\u00a0"],
  [0xad, "\\u00ad"],
  [0x034f, "\\u034f"],
  [0x061c, "\\u061c"],
  [0x115f, "\\u115f"],
  [0x1680, "\\u1680"],
  [0x180e, "\\u180e"],
  [0x2000, "\\u2000"],
  [0x200b, "\\u200b"],
  [0x200f, "\\u200f"],
  [0x2028, "\\u2028"],
  [0x2029, "\\u2029"],
  [0x202a, "\\u202a"],
  [0x202e, "\\u202e"],
  [0x2060, "\\u2060"],
  [0x2064, "\\u2064"],
  [0x2066, "\\u2066"],
  [0x2069, "\\u2069"],
  [0x206f, "\\u206f"],
  [0x2800, "\\u2800"],
  [0x3000, "\\u3000"],
  [0x3164, "\\u3164"],
  [0xfe00, "\\ufe00"],
  [0xfe0f, "\\ufe0f"],
  [0xfeff, "\\ufeff"],
  [0xffa0, "\\uffa0"],
  [0xfff9, "\\ufff9"],
  [0xffff, "\\uffff"],
  [0x1d173, "\\ud834\\udd73"],
  [0xe0001, "\\udb40\\udc01"],
  [0xe0041, "\\udb40\\udc41"],
  [0xe007f, "\\udb40\\udc7f"],
  [0xe0100, "\\udb40\\udd00"],
];

/** What people can read, which stays. */
const SEEN = [
  "plain ~ text",
  "\\x41 \\u0041",
  "äß€",
  "Ελλάδα",
  "עברית",
  "漢字",
  "e\u0301",
  "\u{1f600}",
];

const unseen = new RegExp(
  `[${UNSEEN.map(([code]) => `\\u{${code.toString(16)}}`).join("")}\\p{Cc}\\p{Cs}]`,
  "u",
);

/** Fails when text that is shown holds something unseen, line breaks at ends of lines aside. */
function assertShown(text: string, what: string): void {
  for (const line of text.split("\n")) assert(!unseen.test(line), `${what}: ${escapeText(line)}`);
}

function decode(byteText: string): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(toBytes(byteText));
}

/** All of the table in one text, as a client would send it. */
const HOSTILE = `<${UNSEEN.map(([code]) => String.fromCodePoint(code)).join("|")}>`;
const HOSTILE_BYTES = toText(encoder.encode(HOSTILE));
const FORMS = `<${UNSEEN.map(([, form]) => form).join("|")}>`;

Deno.test("unseen: every kind has its form, and what can be seen stays", () => {
  for (const [code, form] of UNSEEN) {
    const char = String.fromCodePoint(code);
    assertEquals(escapeText(`a${char}b`), `a${form}b`);
    assertEquals(escapeBytes(`a${toText(encoder.encode(char))}b`), `a${form}b`);
  }
  for (const text of SEEN) {
    assertEquals(escapeText(text), text);
    assertEquals(escapeBytes(toText(encoder.encode(text))), text);
  }
  for (const lone of ["\ud800", "\udfff"]) {
    assertEquals(escapeText(`a${lone}b`), `a\\u${lone.charCodeAt(0).toString(16)}b`);
  }
});

Deno.test("unseen: bytes that are no UTF-8 are shown as bytes, all others as what they mean", () => {
  const cases: [bytes: string, shown: string][] = [
    ["\x9b", "\\x9b"],
    ["\xff\xfe", "\\xff\\xfe"],
    ["\xc3\xa4\xc3", "ä\\xc3"],
    ["\xc2\x9b", "\\u009b"],
    // Overlong, a surrogate, beyond U+10FFFF, cut short.
    ["\xc0\xaf", "\\xc0\\xaf"],
    ["\xe0\x80\x8a", "\\xe0\\x80\\x8a"],
    ["\xed\xa0\x80", "\\xed\\xa0\\x80"],
    ["\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"],
    ["\xf0\x9f\x98", "\\xf0\\x9f\\x98"],
    ["\xf0\x9f\x98\x80", "\u{1f600}"],
  ];
  for (const [bytes, shown] of cases) assertEquals(escapeBytes(bytes), shown);
  assertEquals(escapeByteLines("a\n\tb\r\n\xff"), "a\n\tb\\u000d\n\\xff");
  for (let code = 0; code < 0x110000; code += 1 + code % 7) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const char = String.fromCodePoint(code);
    assertEquals(escapeBytes(toText(encoder.encode(char))), escapeText(char));
  }
});

Deno.test("unseen: in JSON, which reads back as it was", () => {
  const printed = { text: "" };
  const output = { write: (text: string): void => void (printed.text += text) };
  printJson(output, { value: HOSTILE });
  const line = decode(printed.text);
  assertShown(line, "JSON");
  assertEquals(JSON.parse(line), { value: HOSTILE });
  assertEquals(JSON.parse(jsonLine(valueJson(encoder.encode(HOSTILE)))), HOSTILE);
  for (const text of SEEN) assertEquals(jsonLine(text), JSON.stringify(text));
});

const PERMS = [permEntry(0, 0)];

const RECORDS: readonly StateRecord[] = [
  domain(5, { hasRing: true }),
  ring(1, 5, 9, { input: encoder.encode(HOSTILE) }),
  watch(1, "/a", HOSTILE_BYTES),
  { kind: "setting", name: "s", value: HOSTILE_BYTES, configured: HOSTILE_BYTES },
  node("/a", encoder.encode(HOSTILE), PERMS),
];

Deno.test("unseen: in dumps, of which JSON reads back as it was", () => {
  const json = [...toJsonLines(RECORDS)];
  for (const line of json) assertShown(line, "dump --format json");
  assertEquals(fromJson(encoder.encode(json.map((line) => `${line}\n`).join(""))), [...RECORDS]);
  for (const line of toTextLines(RECORDS)) assertShown(line, "dump --format text");
  // A file from elsewhere may hold names that no store takes.
  const foreign: StateRecord[] = [
    { kind: "setting", name: HOSTILE, value: "", configured: null },
    node(`/${HOSTILE}`),
  ];
  for (const line of toTextLines(foreign)) assertShown(line, "names of a file");
});

Deno.test("unseen: in differences", () => {
  const side = { value: encoder.encode(HOSTILE), perms: PERMS };
  const node = { kind: "node", path: `/${HOSTILE}`, before: null, after: side } as const;
  const watch = { kind: "watch", name: HOSTILE_BYTES, before: null, after: "once" } as const;
  for (const difference of [node, watch]) {
    for (const line of differenceLines(difference, false)) assertShown(line, "diff");
    assertShown(jsonLine(differenceJson(difference)), "diff --json");
  }
});

Deno.test("unseen: in failures, for people and programs", () => {
  for (const json of [false, true]) {
    const printed = { text: "" };
    const error = new CommandError(`not so: ${HOSTILE_BYTES.replaceAll("\n", "")}`);
    reportFailure({ write: (text) => void (printed.text += text) }, error, {
      command: "",
      json,
    });
    assertShown(decode(printed.text), `failure, ${json ? "JSON" : "text"}`);
  }
  assertShown(readable(HOSTILE_BYTES).replaceAll("\n", ""), "readable");
});

Deno.test("unseen: in the log and on stderr one line stays one", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/log`;
  const log = new FileLog("info", path, systemClock);
  log.log("info", HOSTILE);
  log.close();
  const text = Deno.readTextFileSync(path);
  assertShown(text, "log");
  assert(text.endsWith(`xs: info: ${FORMS}\n`));
  assertEquals(text.split("\n").length, 2);
});

Deno.test("unseen: in the trace, whatever brings it there", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/trace`;
  const logged: string[] = [];
  const trace = new Trace();
  trace.openFile(path);
  const client = { id: 1, domid: 5 };
  trace.request(client, { type: MessageType.WATCH, reqId: 1 }, toBytes(`/a\0${HOSTILE_BYTES}\0`));
  trace.out(client, MessageType.READ, 2, HOSTILE_BYTES);
  trace.event(client, `/${HOSTILE_BYTES}`, HOSTILE_BYTES);
  trace.timeout(client, `/${HOSTILE_BYTES}`);
  trace.line("one\nline");
  const admin = new LogAndMemoryControl(trace, (_level, text) => void logged.push(text));
  admin.print(`control: ${HOSTILE_BYTES}\xff`);
  admin.memoryReport(null);
  trace.close();
  const text = Deno.readTextFileSync(path);
  assertShown(text, "trace");
  const lines = text.split("\n");
  // A NUL parts the words of a payload: there, it is a blank.
  const words = FORMS.replace("\\u0000", " ");
  for (
    const end of [`WATCH (/a ${words} )`, `READ (${words})`, `WATCH_EVENT (/${words} ${words} )`]
  ) {
    assertEquals(lines.filter((line) => line.endsWith(end)).length, 1, end);
  }
  assert(text.includes(`watch event path /${FORMS} for domain 5`));
  assertEquals(lines.filter((line) => line === "one\\u000aline").length, 1);
  assert(text.includes(`control: ${FORMS}\\xff\n`), text);
  assertEquals(logged, [`control: ${FORMS}\\xff`]);
  assertEquals(lines.slice(0, 2), ["", "***"]);
});

Deno.test("unseen: what commands print of a store with hostile values", async () => {
  await using server = await EmbeddedServer.start();
  const env = { XENSTORED_PATH: server.socketPath };
  {
    using client = await Client.connect({ socket: server.socketPath });
    await client.write("/a/b", encoder.encode(HOSTILE));
    await client.write("/a/c", toBytes("\x9b\xff"));
  }
  const commands = [
    ["read", "/a/b"],
    ["read", "--json", "/a/b", "/a/c"],
    ["ls", "/"],
    ["ls", "--json", "/"],
    ["ls", "-fp", "/"],
    ["dump", "--format", "json"],
    ["dump", "--format", "text"],
    ["control", HOSTILE_BYTES.replaceAll("\0", "")],
    ["control", "--json", HOSTILE_BYTES.replaceAll("\0", "")],
    ["read", `/${HOSTILE_BYTES.replaceAll("\0", "")}`],
    ["read", "--json", `/${HOSTILE_BYTES.replaceAll("\0", "")}`],
    ["wait", "--json", "/a/b", "!=", `"${HOSTILE_BYTES.replaceAll("\0", "")}"`],
  ];
  for (const args of commands) {
    const shell = fakeShell(args, { env });
    await runApp(shell);
    assertShown(decode(shell.printed.out), `${args[0]}: stdout`);
    assertShown(decode(shell.printed.err), `${args[0]}: stderr`);
  }
});

Deno.test("unseen: what a daemon answers to control", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/socket`;
  for (const json of [false, true]) {
    using listener = Deno.listen({ transport: "unix", path });
    const shell = fakeShell(["control", ...(json ? ["--json"] : []), "help"], {
      env: { XENSTORED_PATH: path },
    });
    const running = runApp(shell);
    using connection = await listener.accept();
    const request = new Uint8Array(1_024);
    await connection.read(request);
    const { reqId } = decodeHeader(request, 0, emptyHeader());
    const reply = `${HOSTILE_BYTES.replaceAll("\0", "")}\0`;
    await connection.write(encodeMessage(MessageType.CONTROL, reqId, 0, toBytes(reply)));
    assertEquals(await running, 0);
    assertShown(decode(shell.printed.out), "control");
    assert(shell.printed.out.includes("\\u009b"), shell.printed.out);
    Deno.removeSync(path);
  }
});

Deno.test("unseen: the stock tools' form of a value is all ASCII, and theirs to the byte", () => {
  for (let byte = 0; byte < 256; byte++) {
    assert(/^[\x20-\x7e]+$/.test(escapeValue(String.fromCharCode(byte))));
  }
  assertEquals(escapeValue(toText(encoder.encode("\u009b\u202e"))), "\\xc2\\x9b\\xe2\\x80\\xae");
});
