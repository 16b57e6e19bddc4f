import { STREAM_PATTERN_MAX } from "../../limits.ts";
import { Glob } from "../../store/glob.ts";
import { canonicalPath } from "../../store/path.ts";
import { MessageType, messageTypeName, WITH_PATH } from "../../wire/message_type.ts";
import { toText } from "../../wire/text.ts";

const NUMBER = /^\d{1,9}$/;

/** What of a client decides whether its messages are wanted. */
export interface FilteredClient {
  readonly kind: "socket" | "ring";
  readonly domid: number;
  readonly process: {
    readonly author: { readonly pid: number | null; readonly command: string | null };
  } | null;
}

/** What a reader wants to see of all messages: what each of its conditions is true of. */
export class MessageFilter {
  #domid: number | null = null;
  #process: string | null = null;
  #types: ReadonlySet<number> | null = null;
  #glob: Glob | null = null;
  /** Whether there is no condition at all. */
  isAll = true;
  #errors = false;
  #slowerUs = 0;

  /**
   * Takes `domain=N`, `process=PID` or a part of its command, `op=KIND,KIND...`, `path=GLOB`, `errors` and
   * `slower=US`. Returns what is wrong with them, or null.
   */
  parse(words: readonly string[]): string | null {
    this.isAll = words.length === 0;
    for (const word of words) {
      if (word.length > STREAM_PATTERN_MAX) return "a condition is too long";
      const equals = word.indexOf("=");
      const name = equals < 0 ? word : word.slice(0, equals);
      const problem = this.#set(name, equals < 0 ? "" : word.slice(equals + 1));
      if (problem !== null) return problem;
    }
    return null;
  }

  #set(name: string, value: string): string | null {
    switch (name) {
      case "domain":
        if (!NUMBER.test(value)) return "invalid domid";
        this.#domid = Number(value);
        return null;
      case "process":
        if (value === "") return "a process is missing";
        this.#process = value;
        return null;
      case "op":
        return this.#setTypes(value);
      case "path":
        if (!value.startsWith("/")) return "a path's pattern begins with /";
        this.#glob = new Glob(value);
        return null;
      case "errors":
        this.#errors = true;
        return null;
      case "slower":
        if (!NUMBER.test(value)) return "invalid duration";
        this.#slowerUs = Number(value);
        return null;
      default:
        return "unknown condition";
    }
  }

  #setTypes(text: string): string | null {
    const types = new Set<number>();
    for (const word of text.split(",")) {
      const type = typeOf(word);
      if (type === null) return `unknown kind of request '${word}'`;
      types.add(type);
    }
    this.#types = types;
    return null;
  }

  /** Whether a client's messages may be wanted; asked once for each. */
  wantsClient({ domid, kind, process }: FilteredClient): boolean {
    if (this.#domid !== null && domid !== this.#domid) return false;
    if (this.#process === null) return true;
    if (kind !== "socket" || process === null) return false;
    const { command, pid } = process.author;
    return `${pid}` === this.#process || (command ?? "").includes(this.#process);
  }

  /** Whether such a call of a client whose messages may be wanted is. */
  wantsCall(
    home: string,
    type: number,
    payload: Uint8Array,
    isError: boolean,
    tookUs: number,
  ): boolean {
    if (this.#errors && !isError || tookUs < this.#slowerUs) return false;
    if (this.#types !== null && !this.#types.has(type)) return false;
    return this.#glob === null || this.#matches(this.#glob, home, type, payload);
  }

  #matches(glob: Glob, home: string, type: number, payload: Uint8Array): boolean {
    if (!WITH_PATH.has(type)) return false;
    const nul = payload.indexOf(0);
    const path = canonicalPath(toText(payload, 0, nul < 0 ? payload.length : nul), home, true);
    return path !== null && glob.matches(path);
  }

  /** Whether an event is wanted; its path is as its client gets it. */
  wantsEvent(home: string, path: string): boolean {
    if (this.#errors || this.#slowerUs > 0) return false;
    if (this.#types !== null && !this.#types.has(MessageType.WATCH_EVENT)) return false;
    if (this.#glob === null) return true;
    const absolute = canonicalPath(path, home, true);
    return absolute !== null && this.#glob.matches(absolute);
  }
}

/** The type of messages that a word means: `write`, `transaction-start`, `event`. */
function typeOf(word: string): number | null {
  const name = word === "event" ? "WATCH_EVENT" : word.toUpperCase().replaceAll("-", "_");
  const type = Object.values(MessageType).find((other) => messageTypeName(other) === name);
  return type ?? null;
}
