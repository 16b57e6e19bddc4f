import { escapeBytes } from "../../wire/escape.ts";
import { textJson, valueJson } from "../../wire/json.ts";
import { MessageType, messageTypeName } from "../../wire/message_type.ts";
import { splitStrings } from "../../wire/payload.ts";
import { toText } from "../../wire/text.ts";
import type { TracedCall, TracedClient, TracedMessage, TraceEntry } from "./entries.ts";
import { xenbusState } from "./xenbus_state.ts";
import { counted } from "../../wire/counted.ts";

/** How entries are printed. */
export interface EntryTextOptions {
  /** With how long calls waited and took. */
  readonly times?: boolean;
}

/** One line for an entry, with nothing in it that a terminal could obey; text, not bytes. */
export function entryText(entry: TraceEntry, options: EntryTextOptions = {}): string {
  const time = clockTime(entry.at);
  if (entry.kind === "lost") {
    return `${time} ... ${counted(entry.count, "message")} lost: this reader is too slow`;
  }
  const who = clientText(entry.client);
  if (entry.kind === "closed") return `${time} ${who} has ended`;
  if (entry.kind === "event") {
    const [path = "", token = ""] = splitStrings(entry.message.payload);
    return `${time} ${who} <- event ${escapeBytes(path)} ${quote(token)}`;
  }
  const { reply, request, tookUs, waitedUs } = entry;
  const inside = request.txId === 0 ? "" : ` [${request.txId}]`;
  const duration = options.times === true ? ` <${seconds(tookUs)}${waitText(waitedUs)}>` : "";
  return `${time} ${who}${inside} ${requestText(request)} = ${replyText(entry, reply)}${duration}`;
}

function waitText(us: number): string {
  return us === 0 ? "" : ` after ${seconds(us)}`;
}

function seconds(us: number): string {
  return (us / 1_000_000).toFixed(6);
}

/** Local time, to the microsecond. */
function clockTime(at: number): string {
  const time = new Date(at);
  const two = (value: number): string => String(value).padStart(2, "0");
  const us = String(Math.floor(at * 1_000) % 1_000_000).padStart(6, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${us}`;
}

/** Who a client is: `domain 5 (web)`, `qemu-system-i386[1234]`. */
export function clientText({ command, domid, kind, label, name, pid }: TracedClient): string {
  if (kind === "ring") {
    return `domain ${domid}${name === null ? "" : ` (${escapeBytes(name)})`}`;
  }
  if (pid === null) return escapeBytes(label);
  return `${escapeBytes(processName(command) ?? "pid")}[${pid}]`;
}

/** The name of a program by the words that it was called with. */
export function processName(command: string | null): string | null {
  const [first = ""] = (command ?? "").split(" ");
  const name = first.slice(first.lastIndexOf("/") + 1);
  return name === "" ? null : name;
}

/** What the wire calls a type, as this program's users write it. */
export function kindName(type: number): string {
  return type === MessageType.WATCH_EVENT ? "event" : messageTypeName(type).toLowerCase();
}

function requestText({ hidden, payload, type }: TracedMessage): string {
  const kind = kindName(type);
  if (type === MessageType.WRITE) {
    const nul = payload.indexOf(0);
    const path = toText(payload, 0, nul < 0 ? payload.length : nul);
    const value = nul < 0 ? "" : toText(payload, nul + 1);
    return `${kind} ${escapeBytes(path)} ${valueText(path, value, hidden)}`;
  }
  const words = splitStrings(payload);
  if (hidden) words[words.length - 1] = `<${words.at(-1)?.length ?? 0} bytes hidden>`;
  const shown = words.map((word) => /^[!-~]+$/.test(word) ? word : quote(word));
  return [kind, ...shown].join(" ");
}

function replyText(call: TracedCall, { hidden, payload, type }: TracedMessage): string {
  if (type === MessageType.ERROR) return escapeBytes(toText(payload).replace(/\0$/, ""));
  if (type !== MessageType.READ) {
    if (hidden) return `<${payload.length} bytes hidden>`;
    const words = splitStrings(payload);
    return words.length === 1 ? escapeBytes(words[0]!) : `[${words.map(escapeBytes).join(" ")}]`;
  }
  const path = splitStrings(call.request.payload)[0] ?? "";
  return valueText(path, toText(payload), hidden);
}

/** A value in quotes; that of a xenbus state with its meaning. */
function valueText(path: string, value: string, hidden: boolean): string {
  if (hidden) return `<${value.length} bytes hidden>`;
  const state = xenbusState(path, value);
  return state === null ? quote(value) : `${quote(value)} (${state})`;
}

function quote(text: string): string {
  return `"${escapeBytes(text.replaceAll("\\", "\\\\").replaceAll('"', '\\"'))}"`;
}

/** An entry as an object for JSON: field names stay, and new ones may come. */
export function entryJson(entry: TraceEntry): object {
  const at = new Date(entry.at).toISOString();
  if (entry.kind === "lost") return { kind: "lost", at, count: entry.count };
  const client = clientJson(entry.client);
  if (entry.kind === "closed") return { kind: "closed", at, client };
  if (entry.kind === "event") {
    const [path = "", token = ""] = splitStrings(entry.message.payload);
    return {
      kind: "event",
      at,
      client,
      cause: entry.cause,
      path: textJson(path),
      token: textJson(token),
    };
  }
  const { number, reply, request, tookUs, waitedUs } = entry;
  const isError = reply.type === MessageType.ERROR;
  const [path = "", ...more] = splitStrings(request.payload);
  const state = request.type === MessageType.READ
    ? xenbusState(path, toText(reply.payload))
    : request.type === MessageType.WRITE
    ? xenbusState(path, toText(request.payload, request.payload.indexOf(0) + 1))
    : null;
  return {
    kind: "call",
    at,
    client,
    number,
    op: kindName(request.type),
    tx: request.txId,
    ...(request.type === MessageType.WRITE
      ? { path: textJson(path), value: shown(request, request.payload.indexOf(0) + 1) }
      : { words: (request.hidden ? [path] : [path, ...more]).map(textJson) }),
    ...(isError
      ? { error: textJson(toText(reply.payload).replace(/\0$/, "")) }
      : { reply: shown(reply, 0) }),
    ...(state === null ? {} : { state }),
    waitedUs,
    tookUs,
  };
}

/** A value, or how long the one is that is hidden. */
function shown({ hidden, payload }: TracedMessage, from: number): unknown {
  const value = payload.subarray(from);
  return hidden ? { hidden: value.length } : valueJson(value);
}

function clientJson({ command, domid, id, kind, name, pid }: TracedClient): object {
  const textOrNull = (text: string | null): unknown => text === null ? null : textJson(text);
  return kind === "ring"
    ? { connection: id, domid, name: textOrNull(name) }
    : { connection: id, domid, pid, command: textOrNull(command) };
}
