import type { FrameStream } from "../../lib/client/frames.ts";
import {
  type TracedCall,
  type TracedClient,
  TraceDecoder,
  type TraceEntry,
} from "../../lib/client/trace/entries.ts";
import { clientText, kindName } from "../../lib/client/trace/entry_text.ts";
import { TOP_ROWS_COUNTED_MAX } from "../../lib/limits.ts";
import { escapeBytes } from "../../lib/wire/escape.ts";
import { absolutePath } from "../../lib/wire/home_path.ts";
import { MessageType, WITH_PATH } from "../../lib/wire/message_type.ts";
import { splitStrings } from "../../lib/wire/payload.ts";
import { toText } from "../../lib/wire/text.ts";
import { emptyTotals, type Totals } from "./totals.ts";

/** Where all that has no row of its own is counted. */
const OTHERS = "(others)";

/** Processes, domains' rings and kinds of paths, counted from the daemon's stream of messages. */
export class StreamTotals {
  readonly processes = new Map<string, Totals>();
  readonly paths = new Map<string, Totals>();
  /** Messages that the stream has lost. */
  lost = 0;
  #lostBefore = 0;
  readonly #decoder = new TraceDecoder();
  /** Rows of processes whose connections have all ended: they go once they were shown. */
  readonly #connections = new Map<string, Set<number>>();
  readonly #ended = new Set<string>();

  /** Counts until the stream is closed. @throws {XenstoreError} when the daemon ends it. */
  async read(stream: FrameStream): Promise<void> {
    for (let frames = await stream.next(); frames !== null; frames = await stream.next()) {
      for (const entry of [...this.#decoder.add(frames), ...this.#decoder.rest()]) this.#add(entry);
    }
  }

  /** Whether the stream has lost messages since the last {@link forgetUnknown}: the end of a connection may be among them. */
  get mayHaveMissed(): boolean {
    return this.lost > this.#lostBefore;
  }

  /** The connections that the stream has named, and whose end it has not told. */
  connections(): Set<number> {
    return new Set([...this.#connections.values()].flatMap((ids) => [...ids]));
  }

  /** Ends each connection in `before` that is not in `known`: the daemon's list, which is newer. */
  forgetUnknown(before: ReadonlySet<number>, known: ReadonlySet<number>): void {
    this.#lostBefore = this.lost;
    for (const [key, ids] of this.#connections) {
      for (const id of ids) if (before.has(id) && !known.has(id)) this.#endOne(key, ids, id);
    }
  }

  /** To be called when what is there was shown: rows of the ended go. */
  forgetEnded(): void {
    for (const key of this.#ended) this.processes.delete(key);
    this.#ended.clear();
  }

  #add(entry: TraceEntry): void {
    if (entry.kind === "lost") {
      this.lost += entry.count;
      return;
    }
    const process = this.#process(entry.client);
    if (entry.kind === "closed") return this.#end(entry.client);
    if (entry.kind === "event") {
      process.events++;
      const [path = ""] = splitStrings(entry.message.payload);
      this.#path(absolutePath(path, entry.client.domid)).events++;
      return;
    }
    const result = entry.reply.type === MessageType.ERROR
      ? toText(entry.reply.payload).replace(/\0$/, "")
      : "OK";
    const kind = `${kindName(entry.request.type)} ${escapeBytes(result)}`;
    count(process.requests, kind);
    countTransaction(entry, process, result);
    const [path = ""] = splitStrings(entry.request.payload);
    if (WITH_PATH.has(entry.request.type)) {
      count(this.#path(absolutePath(path, entry.client.domid)).requests, kind);
    }
  }

  #process(client: TracedClient): Totals {
    const key = keyOf(client);
    const row = rowOf(this.processes, key, () => clientText(client));
    const connections = this.#connections.get(key) ?? new Set();
    this.#connections.set(key, connections.add(client.id));
    this.#ended.delete(key);
    return row;
  }

  #end(client: TracedClient): void {
    const key = keyOf(client);
    this.#endOne(key, this.#connections.get(key) ?? new Set(), client.id);
  }

  #endOne(key: string, connections: Set<number>, id: number): void {
    connections.delete(id);
    if (connections.size > 0) return;
    this.#connections.delete(key);
    this.#ended.add(key);
  }

  #path(path: string): Totals {
    const template = templateOf(path);
    return rowOf(this.paths, template, () => escapeBytes(template));
  }
}

function countTransaction({ request }: TracedCall, row: Totals, result: string): void {
  if (request.type !== MessageType.TRANSACTION_END) return;
  if (result === "EAGAIN") row.aborts++;
  else if (result === "OK" && toText(request.payload) === "T\0") row.commits++;
}

/** The row of a client: all connections of a process share one, and a ring has that of its domain. */
export function keyOf({ domid, id, kind, pid }: TracedClient): string {
  return kind === "ring" ? `domain ${domid}` : pid === null ? `#${id}` : `pid ${pid}`;
}

const NUMBER = /^\d+$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A path with `*` for each name that is a number or a UUID. */
export function templateOf(path: string): string {
  return path.split("/").map((name) => NUMBER.test(name) || UUID.test(name) ? "*" : name).join("/");
}

/** The row of a key, made where there is room for one more. */
export function rowOf(rows: Map<string, Totals>, key: string, name: () => string): Totals {
  const known = rows.get(key);
  if (known !== undefined) return known;
  const [used, shown] = rows.size >= TOP_ROWS_COUNTED_MAX ? [OTHERS, OTHERS] : [key, name()];
  const row = rows.get(used) ?? emptyTotals(shown);
  rows.set(used, row);
  return row;
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
