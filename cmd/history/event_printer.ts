/** What `xs watch` prints with --values, --by or --timestamps: loaded when one of them is given. */
import { askDaemon } from "../../lib/archive/past/ask_daemon.ts";
import { ArchiveError } from "../../lib/archive/archive.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { EventQueue } from "../../lib/client/event_queue.ts";
import { type Operations, toByteText } from "../../lib/client/operations.ts";
import { wallMs } from "../../lib/clock.ts";
import { authorJson, timeJson } from "../../lib/history/json.ts";
import { LOCAL_ZONE } from "../../lib/history/points.ts";
import { lastChangeOf } from "../../lib/history/query.ts";
import type { Change, Commit, NodeState } from "../../lib/history/record.ts";
import { timeText, valueText, whoText } from "../../lib/history/text.ts";
import { EVENTS_PRINTED_MAX, EVENTS_UNPRINTED_MAX } from "../../lib/limits.ts";
import { escapeBytes } from "../../lib/wire/escape.ts";
import { printJson, textJson, valueJson } from "../json.ts";
import { CommandError } from "../report.ts";
import { flush, type Shell } from "../shell.ts";
import { absolutePath } from "../../lib/wire/home_path.ts";

/** What is printed of an event besides its path. */
export interface EventForm {
  readonly json?: boolean;
  readonly values?: boolean;
  readonly by?: boolean;
  readonly timestamps?: boolean;
}

/** An event, when it came. */
interface Event {
  readonly path: string;
  readonly token: string;
  /** Microseconds since 1970. */
  readonly at: number;
}

/** What a path has, and what the history says of its last change; null for none that was not printed. */
interface Found {
  readonly value: NodeState["value"] | null;
  readonly change: { readonly change: Change; readonly commit: Commit } | null;
}

/** Prints events in their order, each with what there is to know of its path. */
export class EventPrinter {
  readonly #shell: Shell;
  readonly #nodes: Operations;
  readonly #form: EventForm;
  readonly #pending = new EventQueue<Event>(EVENTS_UNPRINTED_MAX);
  /** The last commit that was printed of a path, for the latest paths. */
  readonly #printed = new Map<string, number>();
  #work: Promise<void> | null = null;

  constructor(shell: Shell, nodes: Operations, form: EventForm) {
    this.#shell = shell;
    this.#nodes = nodes;
    this.#form = form;
  }

  /** @throws {CommandError} when there is no history that says who did it. */
  async check(): Promise<void> {
    if (this.#form.by === true) await this.#lastChange("/");
  }

  show(path: string, token: string): void {
    const at = Math.round(wallMs(this.#shell.clock) * 1_000);
    this.#pending.push({ path, token, at }, (event) => ({ ...event, path: event.token }));
    this.#work ??= this.#print().finally(() => this.#work = null);
    // Its failure is heard in `done`, or ends the command's session before.
    this.#work.catch(() => {});
  }

  /** All that was to be shown has been. */
  async done(): Promise<void> {
    await this.#work;
  }

  async #print(): Promise<void> {
    for (let event = this.#pending.shift(); event !== undefined; event = this.#pending.shift()) {
      const found = await this.#look(event.path);
      if (this.#form.json === true) this.#printJson(event, found);
      else this.#shell.stdout.write(toByteText(`${this.#line(event, found)}\n`));
      flush(this.#shell.stdout);
    }
  }

  async #look(path: string): Promise<Found> {
    const { by, values } = this.#form;
    if (by !== true) {
      return { value: values === true ? await this.#read(path) : null, change: null };
    }
    const last = await this.#lastChange(absolutePath(path));
    if (last === null || this.#printed.get(path) === last.commit.number) {
      return { value: await this.#read(path), change: null };
    }
    this.#notePrinted(path, last.commit.number);
    return { value: last.change.new?.value ?? null, change: last };
  }

  #notePrinted(path: string, number: number): void {
    this.#printed.delete(path);
    this.#printed.set(path, number);
    if (this.#printed.size <= EVENTS_PRINTED_MAX) return;
    const [oldest] = this.#printed.keys();
    this.#printed.delete(oldest!);
  }

  async #read(path: string): Promise<Uint8Array | null> {
    // Specials have no value.
    if (path.startsWith("@")) return null;
    try {
      return await this.#nodes.read(path);
    } catch (error) {
      if (error instanceof XenstoreError && /^(?:ENOENT|EACCES)$/.test(error.code)) return null;
      throw error;
    }
  }

  async #lastChange(path: string): Promise<Found["change"]> {
    try {
      for await (const answer of askDaemon(this.#nodes, lastChangeOf(path))) {
        if (answer.type === "failure") throw new ArchiveError(answer.text);
        if (answer.type !== "record" || answer.record.type !== "commit") continue;
        const commit = answer.record, change = commit.changes.find((one) => one.path === path);
        if (change !== undefined) return { change, commit };
      }
      return null;
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      throw new CommandError(toByteText(error.text), "--by");
    }
  }

  #line({ at, path }: Event, { change, value }: Found): string {
    const { by, timestamps, values } = this.#form;
    const time = timestamps === true ? `${timeText(at, LOCAL_ZONE)} ` : "";
    const name = escapeBytes(path);
    if (values !== true && by !== true) return `${time}${name}`;
    const what = path.startsWith("@")
      ? ""
      : value === null
      ? " is not there"
      : ` = ${valueText(value, Infinity)}`;
    if (change === null) return `${time}${name}${what}`;
    const { old } = change.change, { author, number } = change.commit;
    const was = old === null ? "" : ` (was ${valueText(old.value, Infinity)})`;
    return `${time}${name}${what}${was} by ${whoText(author)} in #${number}`;
  }

  #printJson({ at, path, token }: Event, { change, value }: Found): void {
    const { by, timestamps, values } = this.#form;
    printJson(this.#shell.stdout, {
      path: textJson(path),
      watch: textJson(token),
      ...(timestamps === true ? { at: timeJson(at) } : {}),
      ...(values === true || by === true ? shown("value", value) : {}),
      ...(by !== true ? {} : change === null ? { commit: null } : {
        ...shown("old", change.change.old?.value ?? null),
        commit: { number: change.commit.number, author: authorJson(change.commit.author) },
      }),
    });
  }
}

/** A value for JSON under its name; of one that the history does not have, how long it is. */
function shown(name: string, value: NodeState["value"] | null): Record<string, unknown> {
  if (value === null) return { [name]: null };
  if (value instanceof Uint8Array) return { [name]: valueJson(value) };
  const { isLeftOut, redacted } = value;
  return { [name]: isLeftOut === true ? { leftOut: redacted } : { hidden: redacted } };
}
