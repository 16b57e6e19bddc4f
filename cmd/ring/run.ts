import { sleep } from "../../lib/clock.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { type Operations, toByteText } from "../../lib/client/operations.ts";
import type { RingFacts } from "../../lib/engine/operations/insight.ts";
import { RING_LOOK_MS } from "../../lib/limits.ts";
import { readRing } from "../../lib/metrics/read_status.ts";
import { CONNECTED, ERROR_NONE, RECONNECT } from "../../lib/transport/ring_page.ts";
import { escapeBytes } from "../../lib/wire/escape.ts";
import { valueJson } from "../../lib/wire/json.ts";
import { toText } from "../../lib/wire/text.ts";
import type { CommonFlags, XsContext } from "../context.ts";
import { domainTitle } from "../domain_word.ts";
import { printJson } from "../json.ts";
import { CommandError, OLDER_DAEMON } from "../report.ts";
import { decodeRing, type RingContents, type RingDirection } from "./decode.ts";
import { counted } from "../../lib/wire/counted.ts";

/** The options of `xs ring`. */
export interface RingFlags extends CommonFlags {
  readonly data?: boolean;
  /** In ms. */
  readonly for?: number;
}

interface Look {
  readonly facts: RingFacts;
  readonly ring: RingContents;
}

/** Prints what can be seen of a domain's ring. */
export async function ring(
  { shell }: XsContext,
  nodes: Operations,
  flags: RingFlags,
  domid: number,
): Promise<void> {
  const ms = flags.for ?? RING_LOOK_MS;
  const first = await look(nodes, domid);
  if (ms > 0) await sleep(shell.clock, ms);
  const now = ms > 0 ? await look(nodes, domid) : first;
  const moved = ms > 0 ? movedBetween(first.ring, now.ring) : null;
  const { stdout } = shell;
  if (flags.json === true) return printJson(stdout, ringJson(now, moved, flags.data === true));
  const lines = ringLines(now, moved, ms, flags.data === true);
  stdout.write(toByteText(lines.map((line) => `${line}\n`).join("")));
}

async function look(nodes: Operations, domid: number): Promise<Look> {
  try {
    const { facts, page } = await readRing(nodes, domid);
    return { facts, ring: decodeRing(page.slice(), facts.unhandled, facts.unhandledHead) };
  } catch (error) {
    if (!(error instanceof XenstoreError)) throw error;
    if (error.code === "ENOENT") {
      throw new CommandError("the domain has no ring (it is not introduced)", `${domid}`);
    }
    throw error.code === "EINVAL" ? new CommandError(OLDER_DAEMON) : error;
  }
}

/** How far the indices have moved. */
interface Moved {
  readonly requestsPut: number;
  readonly requestsTaken: number;
  readonly responsesPut: number;
  readonly responsesTaken: number;
}

function movedBetween(before: RingContents, after: RingContents): Moved {
  const by = (a: number, b: number): number => (b - a) >>> 0;
  return {
    requestsPut: by(before.requests.prod, after.requests.prod),
    requestsTaken: by(before.requests.cons, after.requests.cons),
    responsesPut: by(before.responses.prod, after.responses.prod),
    responsesTaken: by(before.responses.cons, after.responses.cons),
  };
}

const FEATURE_NAMES = ["reconnect", "error", "watch-depth", "domid-any"];
const ERRORS = [
  "none",
  "the daemon has forgotten what the guest had",
  "broken indices",
  "a message that is too long",
];

function ringLines(
  { facts, ring }: Look,
  moved: Moved | null,
  ms: number,
  withData: boolean,
): string[] {
  const { connection, error, features, port, requests, responses } = ring;
  const known = FEATURE_NAMES.filter((_, bit) => (features & 1 << bit) !== 0);
  const state = connection === CONNECTED
    ? "connected"
    : connection === RECONNECT
    ? "reconnecting"
    : `${connection}`;
  return [
    `${domainTitle(facts.domid, facts.name)}: ${state}, features ${known.join(" ") || "none"}, ` +
    `error ${ERRORS[error] ?? error}, port ${port}`,
    ...whoWaits(facts, ring, moved, ms).map((line) => `  ${line}`),
    ...directionLines("requests", requests, withData),
    ...directionLines("responses", responses, withData),
  ];
}

/** Who waits for whom, as far as it shows. */
function whoWaits(facts: RingFacts, ring: RingContents, moved: Moved | null, ms: number): string[] {
  const { error, requests, responses } = ring;
  const lines: string[] = [];
  if (facts.ignored) {
    lines.push("the daemon ignores the ring until the domain is introduced again");
  } else if (requests.waiting === null || responses.waiting === null) {
    lines.push("indices are more than a ring apart: the daemon will ignore the ring");
  }
  if (error !== ERROR_NONE) lines.push(`the error word is ${error}: ${ERRORS[error] ?? "unknown"}`);
  if (facts.waits) {
    lines.push("a request waits for other clients (a reservation or a live update)");
  }
  if (facts.stalled) {
    lines.push("the daemon reads no further request until the guest has read its answers");
  }
  if ((responses.waiting ?? 0) > 0) {
    lines.push(
      `the guest has ${counted(responses.waiting ?? 0, "byte")} of answers and events to read`,
    );
  }
  if (facts.unsent > 0) {
    lines.push(`${counted(facts.unsent, "byte")} more must wait for room in the ring`);
  }
  if ((requests.waiting ?? 0) > 0 && !facts.stalled && !facts.ignored) {
    lines.push(`the daemon has ${counted(requests.waiting ?? 0, "byte")} of requests to read`);
  }
  if (facts.unhandled > 0 && !facts.waits) {
    lines.push(
      `the daemon has read ${
        counted(facts.unhandled, "byte")
      } of a request, and waits for the rest`,
    );
  }
  if (lines.length === 0) lines.push("no client waits");
  if (moved !== null) lines.push(movedText(moved, ms));
  return lines;
}

function movedText(moved: Moved, ms: number): string {
  const { requestsPut, requestsTaken, responsesPut, responsesTaken } = moved;
  const seconds = `${ms / 1_000} s`;
  if (requestsPut + requestsTaken + responsesPut + responsesTaken === 0) {
    return `nothing has moved within ${seconds}`;
  }
  return `within ${seconds} the guest has put ${
    counted(requestsPut, "byte")
  } of requests and read ${responsesTaken} of answers, ` +
    `the daemon has read ${requestsTaken} and put ${responsesPut}`;
}

function directionLines(name: string, direction: RingDirection, withData: boolean): string[] {
  const { cons, packets, prod, waiting } = direction;
  const head = `${name}: consumer ${cons}, producer ${prod}, ` +
    (waiting === null ? "more than a ring apart" : `${counted(waiting, "byte")} between`);
  return [
    head,
    ...packets.flatMap(({ bytes, data, header, note }) => {
      const text = header === null
        ? counted(bytes, "byte")
        : `${header.type} request ${header.reqId} transaction ${header.txId} length ${header.len}`;
      const line = `  ${text}${note === null ? "" : `: ${note}`}`;
      return withData ? [line, `    ${escapeBytes(toText(data))}`] : [line];
    }),
  ];
}

function ringJson({ facts, ring }: Look, moved: Moved | null, withData: boolean): object {
  const { unhandledHead: _head, ...shown } = facts;
  const directionJson = ({ packets, ...rest }: RingDirection): object => ({
    ...rest,
    packets: packets.map(({ bytes, data, header, note }) => ({
      bytes,
      header,
      note,
      ...(withData ? { data: valueJson(data) } : {}),
    })),
  });
  return {
    ...shown,
    ...ring,
    requests: directionJson(ring.requests),
    responses: directionJson(ring.responses),
    moved,
  };
}
