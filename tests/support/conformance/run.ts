import { MessageType, messageTypeName } from "../../../lib/wire/message_type.ts";
import { ERROR_NAMES } from "../../../lib/wire/errors.ts";
import {
  type DomainRow,
  dotted,
  payloadBytes,
  type RequestRow,
  type Row,
  type Scenario,
  typeNumber,
  type Want,
} from "./table.ts";
import type { Message } from "../message.ts";
import type { World } from "../worlds/world.ts";

type Events = Readonly<Record<string, readonly string[]>>;

/** Tells `scenario` to `world`. @throws {Error} naming the first row that came out otherwise */
export async function runScenario(world: World, scenario: Scenario): Promise<void> {
  await world.open("s");
  for (const [i, row] of scenario.rows.entries()) {
    try {
      await runRow(world, row);
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`row ${i + 1}, ${describe(row)}: ${detail}`, { cause });
    }
  }
}

async function runRow(world: World, row: Row): Promise<void> {
  if ("code" in row) return await row.code(world);
  if ("domain" in row) return await runDomain(world, row);
  const [from, type, payload, want, extras] = row as RequestRow;
  await world.open(from);
  const sent = typeNumber(type);
  const tx = extras?.tx ?? 0;
  const messages = await world.request(from, sent, payloadBytes(payload), tx);
  const reply = messages.at(-1);
  if (reply === undefined) throw new Error("no reply");
  checkReply(reply, sent, tx, want);
  const before = messages.slice(0, -1);
  const after = await world.drain(from);
  checkOrder(sent, before, after);
  const got: Record<string, string[]> = { [from]: eventTexts([...before, ...after]) };
  await drainOthers(world, from, got);
  checkEvents(got, extras?.events ?? {});
}

async function runDomain(world: World, row: DomainRow): Promise<void> {
  await world.domain(row.domain, row.change);
  const got: Record<string, string[]> = {};
  await drainOthers(world, null, got);
  checkEvents(got, row.events ?? {});
}

async function drainOthers(
  world: World,
  from: string | null,
  into: Record<string, string[]>,
): Promise<void> {
  for (const name of world.connections()) {
    if (name !== from) into[name] = eventTexts(await world.drain(name));
  }
}

function eventTexts(messages: readonly Message[]): string[] {
  return messages.map((message) => {
    if (message.type !== MessageType.WATCH_EVENT) {
      throw new Error(`unasked-for ${messageTypeName(message.type)} ${dotted(message.text)}`);
    }
    if (message.reqId !== 0 || message.txId !== 0) {
      throw new Error(`an event carries request ${message.reqId}, transaction ${message.txId}`);
    }
    return dotted(message.text);
  });
}

function checkReply(reply: Message, sent: number, tx: number, want: Want): void {
  const isError = typeof want === "string" && (ERROR_NAMES as readonly string[]).includes(want);
  const text = dotted(reply.text);
  const wantedText = want === "OK" || isError ? `${want}.` : want;
  const matches = typeof wantedText === "string" ? text === wantedText : wantedText.test(text);
  const wantedType = isError ? MessageType.ERROR : sent;
  if (!matches || reply.type !== wantedType) {
    throw new Error(`wanted ${want}, got ${messageTypeName(reply.type)} ${shorten(text)}`);
  }
  if (reply.txId !== tx) throw new Error(`the reply names transaction ${reply.txId}, not ${tx}`);
}

/** A request's events come before its reply; only WATCH is answered first. */
function checkOrder(sent: number, before: readonly Message[], after: readonly Message[]): void {
  const wrong = sent === MessageType.WATCH ? before : after;
  if (wrong.length === 0) return;
  const where = sent === MessageType.WATCH ? "before" : "behind";
  throw new Error(`events ${where} the reply: ${eventTexts(wrong).join(" ")}`);
}

function checkEvents(got: Events, wanted: Events): void {
  for (const name of new Set([...Object.keys(got), ...Object.keys(wanted)])) {
    const left = (got[name] ?? []).map(shorten).join(" ");
    const right = (wanted[name] ?? []).map(shorten).join(" ");
    if (left !== right) throw new Error(`wanted for ${name} the events [${right}], got [${left}]`);
  }
}

function shorten(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}... (${text.length} bytes)` : text;
}

function describe(row: Row): string {
  if ("code" in row) return "a step in code";
  if ("domain" in row) return `domain ${row.domain} ${row.change}`;
  const [from, type, payload, , extras] = row as RequestRow;
  const text = typeof payload === "string" ? payload : JSON.stringify(payload.raw);
  const tx = extras?.tx === undefined ? "" : ` in transaction ${extras.tx}`;
  return `${from}: ${type} ${shorten(text)}${tx}`;
}
