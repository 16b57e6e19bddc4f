import { MessageType } from "../wire/message_type.ts";
import { joinStrings, splitStrings } from "../wire/payload.ts";
import { joinBytes, toBytes, toText } from "../wire/text.ts";
import { XenstoreError } from "./error.ts";
import type { Limits } from "./call.ts";
import type { Session, Subject } from "./session.ts";

/**
 * The operations on nodes, on paths of one character a byte: what both the tools (whose
 * arguments may be any bytes) and {@link Client} (whose paths are text) are made of.
 */
export class Operations {
  constructor(
    readonly session: Session,
    /** The transaction the operations belong to; 0 for none. */
    readonly txId: number = 0,
    /** Bounds every request. */
    readonly limits?: Limits,
  ) {}

  #ask(
    type: number,
    operation: string,
    path: string,
    payload: Uint8Array,
    late?: Subject["late"],
  ): Promise<Uint8Array> {
    const subject = late === undefined ? { operation, path } : { operation, path, late };
    return this.session.request(type, this.txId, payload, subject, this.limits);
  }

  /** The same operations without limits, for what has to be done after they are over. */
  get unlimited(): Operations {
    return new Operations(this.session, this.txId);
  }

  #askPath(type: number, operation: string, path: string): Promise<Uint8Array> {
    return this.#ask(type, operation, path, joinStrings(path));
  }

  read(path: string): Promise<Uint8Array> {
    return this.#askPath(MessageType.READ, "read", path);
  }

  async write(path: string, value: Uint8Array): Promise<void> {
    await this.#ask(MessageType.WRITE, "write", path, joinBytes([joinStrings(path), value]));
  }

  async mkdir(path: string): Promise<void> {
    await this.#askPath(MessageType.MKDIR, "mkdir", path);
  }

  async rm(path: string): Promise<void> {
    await this.#askPath(MessageType.RM, "rm", path);
  }

  /** The names of a node's children; in parts where they do not fit one message. */
  async directory(path: string): Promise<string[]> {
    try {
      return splitStrings(await this.#askPath(MessageType.DIRECTORY, "directory", path));
    } catch (error) {
      if (!(error instanceof XenstoreError) || error.code !== "E2BIG") throw error;
    }
    return await this.#directoryInParts(path);
  }

  /** xenstore.txt, DIRECTORY_PART: starts again when the generation changes between parts. */
  async #directoryInParts(path: string): Promise<string[]> {
    for (let generation = "", list = "";;) {
      const part = toText(await this.#directoryPart(path, list.length));
      const nul = part.indexOf("\0");
      if (nul < 0) throw new XenstoreError("EPROTO", "directory", path, "a part lacks its number");
      const found = part.slice(0, nul);
      const names = part.slice(nul + 1);
      if (generation !== "" && found !== generation) {
        generation = list = "";
        continue;
      }
      generation = found;
      list += names;
      if (list === "\0" || list.endsWith("\0\0")) return list.split("\0").filter((name) => name);
      if (names === "") throw new XenstoreError("EPROTO", "directory", path, "an empty part");
    }
  }

  async #directoryPart(path: string, offset: number): Promise<Uint8Array> {
    const payload = joinStrings(path, String(offset));
    try {
      return await this.#ask(MessageType.DIRECTORY_PART, "directory", path, payload);
    } catch (error) {
      // What libxenstore makes of a daemon that lacks the request: the listing was too long.
      if (!(error instanceof XenstoreError) || error.code !== "ENOSYS") throw error;
      throw new XenstoreError("E2BIG", "directory", path);
    }
  }

  /** The permissions as on the wire: a letter and a domid each, the owner first. */
  async getPerms(path: string): Promise<string[]> {
    return splitStrings(await this.#askPath(MessageType.GET_PERMS, "get_perms", path));
  }

  async setPerms(path: string, perms: readonly string[]): Promise<void> {
    await this.#ask(MessageType.SET_PERMS, "set_perms", path, joinStrings(path, ...perms));
  }

  async watch(path: string, token: string, depth?: number): Promise<void> {
    const payload = depth === undefined
      ? joinStrings(path, token)
      : joinStrings(path, token, String(depth));
    // A watch that was given up meanwhile would go on firing.
    const late = (): void => void this.unlimited.unwatch(path, token).catch(() => {});
    await this.#ask(MessageType.WATCH, "watch", path, payload, late);
  }

  async unwatch(path: string, token: string): Promise<void> {
    await this.#ask(MessageType.UNWATCH, "unwatch", path, joinStrings(path, token));
  }

  /** Starts a transaction: the same operations, inside it. */
  async begin(): Promise<Operations> {
    const inside = (reply: Uint8Array): Operations =>
      new Operations(this.session, Number.parseInt(toText(reply), 10) >>> 0, this.limits);
    const late = (reply: Uint8Array): void =>
      void inside(reply).unlimited.end(false).catch(() => {});
    const payload = joinStrings("");
    const operation = "transaction_start";
    return inside(await this.#ask(MessageType.TRANSACTION_START, operation, "", payload, late));
  }

  /** Ends the transaction. @throws {XenstoreError} EAGAIN when it met another's change. */
  async end(commit: boolean): Promise<void> {
    const payload = joinStrings(commit ? "T" : "F");
    await this.#ask(MessageType.TRANSACTION_END, "transaction_end", "", payload);
  }

  /** Any other request of NUL-terminated strings; the reply's text without its last NUL. */
  async ask(type: number, operation: string, ...strings: string[]): Promise<string> {
    const payload = joinStrings(...strings);
    const text = toText(await this.#ask(type, operation, strings[0] ?? "", payload));
    return text.endsWith("\0") ? text.slice(0, -1) : text;
  }

  /** The answer to a CONTROL command, as text. */
  async control(...words: string[]): Promise<string> {
    return fromByteText(await this.ask(MessageType.CONTROL, "control", ...words));
  }

  /** The answer to a CONTROL command, as bytes. */
  controlBytes(...words: string[]): Promise<Uint8Array> {
    const payload = joinStrings(...words);
    return this.#ask(MessageType.CONTROL, "control", words[0] ?? "", payload);
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Text as one character a byte of its UTF-8 form. */
export function toByteText(text: string): string {
  return toText(encoder.encode(text));
}

/** The reverse of {@link toByteText}; bytes that are not UTF-8 become U+FFFD. */
export function fromByteText(text: string): string {
  return decoder.decode(toBytes(text));
}
