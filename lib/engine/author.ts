import { lookup } from "../store/lookup.ts";
import { keepNames, type Names, takeNames } from "../store/names.ts";
import type { Node } from "../store/node.ts";
import { AUTHOR_TEXT_MAX, LOG_NAME_MAX } from "../limits.ts";
import { escapeBytes } from "../wire/escape.ts";
import { homePath } from "../wire/home_path.ts";
import { toText } from "../wire/text.ts";

/** A domain, which speaks through its ring. */
export interface DomainAuthor {
  readonly kind: "domain";
  readonly domid: number;
  /** The hypervisor's: a domid is used again. Null where it is not known. */
  readonly uniqueId: bigint | null;
  /**
   * What its `name` node said then, one character a byte, cut; null for nothing. Guests' data: to be
   * shown escaped, and to decide nothing.
   */
  readonly name: string | null;
}

/**
 * A process, which connected through the socket; who has the connection since then nobody knows. What
 * could not be found out is null.
 */
export interface ProcessAuthor {
  readonly kind: "process";
  /** The domain that it is in, for which it speaks. */
  readonly domid: number;
  readonly pid: number | null;
  /** When it started, in clock ticks since the boot of the host (proc_pid_stat(5)): a pid is used again. */
  readonly startTime: number | null;
  readonly uid: number | null;
  /** The first words that it was called with, one character a byte, or else its short name; cut. */
  readonly command: string | null;
}

/** The daemon itself, for what no client asked for. */
export interface DaemonAuthor {
  readonly kind: "daemon";
}

/** Who did something. */
export type Author = DomainAuthor | ProcessAuthor | DaemonAuthor;

export const DAEMON: DaemonAuthor = { kind: "daemon" };

/** Whether all that is known of two authors is the same. */
export function sameAuthor(a: Author, b: Author): boolean {
  if (a.kind === "domain" && b.kind === "domain") {
    return a.domid === b.domid && a.uniqueId === b.uniqueId && a.name === b.name;
  }
  if (a.kind === "process" && b.kind === "process") {
    return a.pid === b.pid && a.startTime === b.startTime && a.uid === b.uid &&
      a.domid === b.domid && a.command === b.command;
  }
  return a.kind === "daemon" && b.kind === "daemon";
}

/** What finds out about the process behind a connection, when it is asked to. */
export interface ClientProcess {
  /** As far as it can be known now; the same from then on. */
  readonly author: ProcessAuthor;
}

/** What of a connection says who it is. */
interface Speaker {
  readonly kind: "socket" | "ring";
  readonly domid: number;
  readonly home: string;
  readonly process: ClientProcess | null;
}

/** Who speaks through a connection; `root` is the tree in which domains have names. */
export function authorOf(
  { domid, home, kind, process }: Speaker,
  root: Node,
  uniqueId: bigint | null,
): Author {
  if (kind === "ring") return { kind: "domain", domid, uniqueId, name: nameIn(root, home) };
  return process?.author ??
    { kind: "process", domid, pid: null, startTime: null, uid: null, command: null };
}

/** A domain that speaks through a ring: the same author each time, as long as it has the same name. */
export class RingAuthor {
  readonly #path: string;
  readonly #names: Names;
  /** The value in which it stood: values are never written into. */
  #value: Uint8Array | null = null;
  #author: DomainAuthor;

  constructor(domid: number, home: string) {
    this.#path = namePath(home);
    this.#names = keepNames(this.#path);
    this.#author = { kind: "domain", domid, uniqueId: null, name: null };
  }

  /** Who it is now; `root` is the tree in which domains have names. */
  now(root: Node, uniqueId: bigint | null): DomainAuthor {
    takeNames(this.#path, this.#names);
    const value = lookup(root, this.#path)?.value ?? null;
    if (value !== this.#value || uniqueId !== this.#author.uniqueId) {
      this.#value = value;
      this.#author = { ...this.#author, uniqueId, name: nameOf(value) };
    }
    return this.#author;
  }
}

function namePath(home: string): string {
  return `${home}/name`;
}

/** What the domain with that home is called in the tree; see {@link DomainAuthor.name}. */
export function nameIn(root: Node, home: string): string | null {
  return nameOf(lookup(root, namePath(home))?.value ?? null);
}

function nameOf(value: Uint8Array | null): string | null {
  if (value === null || value.length === 0) return null;
  return toText(value, 0, Math.min(value.length, AUTHOR_TEXT_MAX));
}

/** A domain for a line of the log: with its name, which is cut, where it has one. */
export function domainText(root: Node, domid: number): string {
  const name = nameIn(root, homePath(domid))?.slice(0, LOG_NAME_MAX) ?? null;
  return authorText({ kind: "domain", domid, uniqueId: null, name });
}

/**
 * The program that a process runs, one character a byte: its arguments may hold secrets, as those of `xs write` do, which
 * belong neither into a recording nor into what others print.
 */
export function commandAlone(process: ClientProcess | null): string | null {
  const command = process?.author.command ?? null;
  return command === null ? null : command.split(" ", 1)[0]!;
}

/** An author as people read it, on one line, with nothing in it that a terminal could obey. */
export function authorText(author: Author): string {
  if (author.kind === "daemon") return "the daemon";
  if (author.kind === "domain") {
    return `domain ${author.domid}${author.name === null ? "" : ` (${escapeBytes(author.name)})`}`;
  }
  const { command, pid, uid } = author;
  if (pid === null) return "a process";
  const of = uid === null || uid === 0 ? "" : ` of user ${uid}`;
  return `pid ${pid}${of}${command === null ? "" : ` (${escapeBytes(command)})`}`;
}
