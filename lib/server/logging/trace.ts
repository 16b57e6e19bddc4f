import { type Clock, systemClock, wallDate } from "../../clock.ts";
import { hiddenValue, Redaction } from "../../store/redaction.ts";
import type { Header } from "../../wire/header.ts";
import { MessageType, messageTypeName } from "../../wire/message_type.ts";
import { escapeBytes, escapeText } from "../../wire/escape.ts";
import { toText } from "../../wire/text.ts";
import { hiddenParts } from "./hidden_parts.ts";
import { budgeted } from "./daemon_log_budget.ts";
import { type Log, message, SILENT, writeAll } from "./log.ts";

/** The trace switches, in the order in which CONTROL log lists them. */
export const TRACE_SWITCHES = ["obj", "io", "wrl", "acc", "tdb"] as const;

export type TraceSwitch = (typeof TRACE_SWITCHES)[number];

const encoder = new TextEncoder();

/** What of a request's header the trace looks at. */
type RequestHeader = Pick<Header, "reqId" | "type">;

/** Whose messages are traced. */
interface Client {
  readonly id: number;
  readonly domid: number;
}

/**
 * The trace file, in the form operators know from the C daemon: one line for each message and
 * each connection made or ended. Everything is off, at the cost of reading one flag, until a file
 * is named.
 */
export class Trace {
  readonly #on: Record<TraceSwitch, boolean> = {
    obj: true,
    io: true,
    wrl: false,
    acc: false,
    tdb: false,
  };
  readonly #log: Log;
  /** Lines that did not get into the file since it last took one. */
  #lost = 0;
  #path: string | null = null;
  #file: Deno.FsFile | null = null;
  /** Requests of which the reply is a value that is hidden. */
  readonly #hidden = new WeakMap<Client, Set<number>>();
  /** Whether messages must be traced now: looked at for each, so kept apart. */
  io = false;
  /** Whether connections must be traced now. */
  obj = false;

  /** `log` takes what goes wrong with the file; values that `redaction` hides are not written. */
  constructor(
    log: Log = SILENT,
    readonly clock: Clock = systemClock,
    readonly redaction: Redaction = new Redaction(),
  ) {
    this.#log = budgeted(log, clock);
  }

  /** Whether lines are being written. */
  get open(): boolean {
    return this.#file !== null;
  }

  /** Each switch and whether it is on. */
  switches(): [TraceSwitch, boolean][] {
    return TRACE_SWITCHES.map((name) => [name, this.#on[name]]);
  }

  /** Sets a switch; false when there is none of that name. */
  set(name: string, on: boolean): boolean {
    const known = TRACE_SWITCHES.find((other) => other === name);
    if (known === undefined) return false;
    this.#on[known] = on;
    this.#refresh();
    return true;
  }

  /**
   * Appends to the file `path` from now on, made with mode 0600.
   *
   * @throws {Error} when it cannot be opened; the old file then stays in use.
   */
  openFile(path: string): void {
    const file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    this.#file?.close();
    this.#file = file;
    this.#path = path;
    this.#refresh();
    this.line("");
    this.line("***");
  }

  /**
   * Opens the file last named again. Without one nothing happens.
   *
   * @throws {Error} when it cannot be opened; the old file then stays in use.
   */
  reopen(): void {
    if (this.#path !== null) this.openFile(this.#path);
  }

  /** Lines are to go to the file `path` as soon as it is opened by {@link reopen}. */
  name(path: string): void {
    if (path === this.#path) return;
    this.close();
    this.#path = path;
  }

  /** Closes the file; {@link reopen} goes on with it. */
  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#refresh();
  }

  #refresh(): void {
    this.io = this.#file !== null && this.#on.io;
    this.obj = this.#file !== null && this.#on.obj;
  }

  /** Writes one line; what cannot be seen in it is escaped, so that it stays one. */
  line(text: string): void {
    if (this.#file === null) return;
    try {
      writeAll(this.#file, encoder.encode(`${escapeText(text)}\n`));
    } catch (error) {
      // A trace that cannot be written must not stop the daemon, nor fill its log.
      if (this.#lost++ > 0) return;
      const why = message(error);
      this.#log("warning", `cannot write the trace ${this.#path}, dropping lines: ${why}`);
      return;
    }
    if (this.#lost === 0) return;
    this.#log("warning", `the trace ${this.#path} takes lines again; ${this.#lost} were dropped`);
    this.#lost = 0;
  }

  /** A message: `io: IN 0x7 (d0) 20261121 04:05:06 READ (/tool )`. */
  message(
    direction: "IN" | "OUT",
    connection: number,
    domid: number,
    type: number,
    payload: string,
  ): void {
    const words = escapeBytes(payload.replaceAll("\0", " "));
    const who = `0x${connection.toString(16)} (d${domid})`;
    this.line(
      `io: ${direction} ${who} ${localTime(wallDate(this.clock))} ${
        messageTypeName(type)
      } (${words})`,
    );
  }

  /** A request as it came in. */
  request(client: Client, { reqId, type }: RequestHeader, payload: Uint8Array): void {
    this.message("IN", client.id, client.domid, type, this.#shown(client, type, reqId, payload));
  }

  /** A request's payload, without a value that is hidden; that of its reply must be, too. */
  #shown(client: Client, type: number, reqId: number, payload: Uint8Array): string {
    const text = toText(payload);
    const { reply, requestFrom } = hiddenParts(this.redaction, client.domid, type, payload);
    if (requestFrom >= 0) {
      return `${text.slice(0, requestFrom)}${hiddenValue(text.length - requestFrom)}`;
    }
    if (!reply) return text;
    const hidden = this.#hidden.get(client);
    if (hidden === undefined) this.#hidden.set(client, new Set([reqId]));
    else hidden.add(reqId);
    return text;
  }

  /** A reply. */
  out(client: Client, type: number, reqId: number, payload: string): void {
    const isHidden = this.#hidden.get(client)?.delete(reqId) === true && type !== MessageType.ERROR;
    const shown = isHidden ? hiddenValue(payload.length) : payload;
    this.message("OUT", client.id, client.domid, type, shown);
  }

  /** An event. */
  event({ id, domid }: Client, path: string, token: string): void {
    this.message("OUT", id, domid, MessageType.WATCH_EVENT, `${path}\0${token}\0`);
  }

  /** An event that was dropped because its guest did not read it in time. */
  timeout({ domid }: Client, path: string): void {
    if (this.open) this.line(`watch event path ${escapeBytes(path)} for domain ${domid} timed out`);
  }

  /** A connection was made or ended. */
  connection(what: "CREATE" | "DESTROY", connection: number): void {
    this.line(`obj: ${what} connection 0x${connection.toString(16)}`);
  }
}

/** Local time as `20261121 04:05:06`. */
function localTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${time.getFullYear()}${two(time.getMonth() + 1)}${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}
