/** The history as a stream for `git fast-import` (git-fast-import(1)), one commit of git for each of the store. */
import { GIT_COUNTED_MAX } from "../../limits.ts";
import { escapeBytes } from "../../wire/escape.ts";
import { toText } from "../../wire/text.ts";
import { programOf } from "../filter.ts";
import { timeJson } from "../json.ts";
import type { Author, Change, Commit, Gap, HistoryRecord, NodeState } from "../record.ts";
import { whatText, whoText } from "../text.ts";
import { fileNamesOf, filesOf } from "./node_files.ts";
import { counted } from "../../wire/counted.ts";

/** The branch that is there, whatever it is called: it need not exist yet. */
const BRANCH = "HEAD";

/** Who speaks where no client did. */
const DAEMON: Author = { kind: "daemon" };

const encoder = new TextEncoder();

/** What all pieces are made of: one character a byte. */
type Bytes = string;

/** The store at once, after commit `number`: the first commit, and wherever what came before is not known. */
export function* snapshotCommit(
  { at, number }: { readonly at: number; readonly number: number },
  what: string,
  nodes: Iterable<readonly [path: string, node: NodeState]>,
): Generator<Bytes, void> {
  const message = [`#${number} ${what}`, "", ...trailers({ at, number, author: DAEMON })];
  yield header(DAEMON, at, message);
  yield* replaceAll(nodes);
  yield "\n";
}

/** All that the store has from now on, in the middle of a commit. */
export function* replaceAll(
  nodes: Iterable<readonly [path: string, node: NodeState]>,
): Generator<Bytes, void> {
  yield "deleteall\n";
  for (const [path, node] of nodes) yield* putNode(path, node);
}

/** A record's commit, up to its changes: {@link changeText} of each follows, and an empty line. */
export function recordHeader(record: Commit | Gap, hidden: number): Bytes {
  const author = record.type === "gap" ? DAEMON : record.author;
  const lines = [`#${record.number} ${whatText(record)}`, "", ...trailers({ ...record, author })];
  if (hidden > 0) lines.push(`Xenstore-Hidden: ${counted(hidden, "value")}`);
  return header(author, record.at, lines);
}

/** What a change did to the node's files. */
export function* changeText({ new: now, path }: Change): Generator<Bytes, void> {
  if (now !== null) return yield* putNode(path, now);
  for (const name of fileNamesOf(path)) yield `D ${name}\n`;
}

/** What a stream ends with: git takes it only as a whole. */
export const STREAM_BEGINS: Bytes = "feature done\n";
export const STREAM_ENDS: Bytes = "done\n";

function* putNode(path: string, node: NodeState): Generator<Bytes, void> {
  for (const { path: name, text } of filesOf(path, node)) {
    yield `M 100644 inline ${name}\n${data(text)}`;
  }
}

function header(author: Author, at: number, message: readonly string[]): Bytes {
  const who = ident(author, at), text = toText(encoder.encode(`${message.join("\n")}\n`));
  return `commit ${BRANCH}\nauthor ${who}\ncommitter ${who}\n${data(text)}`;
}

function data(text: Bytes): Bytes {
  return `data ${text.length}\n${text}\n`;
}

/** Git knows whole seconds, and none before 1970. Times are in UTC: the same history is the same commits on every machine. */
function ident(author: Author, at: number): Bytes {
  const name = nameOf(author).replace(/[<>]/g, "?");
  const seconds = Math.max(0, Math.floor(at / 1_000_000));
  return toText(encoder.encode(`${name} <${address(author)}> ${seconds} +0000`));
}

/** As short as git's columns are. */
function nameOf(author: Author): string {
  if (author.kind !== "process" || author.pid === null) return whoText(author);
  const { command, pid } = author;
  return command === null ? `pid ${pid}` : `${escapeBytes(programOf(command))} (pid ${pid})`;
}

/** What is the same for all that one author does, and can be searched for. */
function address(author: Author): string {
  switch (author.kind) {
    case "domain":
      return `domain-${author.domid}@xenstore`;
    case "process":
      return author.pid === null ? "process@xenstore" : `pid-${author.pid}@xenstore`;
    default:
      return `${author.kind}@xenstore`;
  }
}

/** What git has no place for, as trailers (git-interpret-trailers(1)). */
function trailers(
  record: Partial<Omit<Commit, "type">> & Pick<HistoryRecord, "at" | "number"> & {
    readonly author: Author;
  },
): string[] {
  const { at, author, changes = [], kind, moved = 0, number, operations = 1 } = record;
  const several = changes.filter(({ count }) => count > 1);
  const shown = several.slice(0, GIT_COUNTED_MAX), more = several.length - shown.length;
  const lines: (readonly [string, string] | null)[] = [
    ["Commit", `${number}`],
    ["Time", timeJson(at)],
    kind === undefined ? null : ["Kind", kind],
    operations > 1 ? ["Requests", `${operations}`] : null,
    ...identity(author),
    ...shown.map(({ count, first, path }) =>
      ["Counts", `${counted(count, "change")} of ${escapeBytes(path)} since #${first}`] as const
    ),
    more > 0 ? ["Counts", `changes of ${counted(more, "more path")}`] : null,
    moved > 0 ? ["Moved", `${counted(moved, "change")} counted in later commits, or pruned`] : null,
  ];
  return lines.filter((one) => one !== null).map(([name, text]) => `Xenstore-${name}: ${text}`);
}

function* identity(author: Author): Generator<readonly [string, string], void> {
  if (author.kind === "domain" && author.uniqueId !== null) {
    yield ["Unique-Id", `${author.uniqueId}`];
  }
  if (author.kind !== "process") return;
  const { command, startTime, uid } = author;
  if (uid !== null) yield ["User", `${uid}`];
  if (startTime !== null) yield ["Started", `${startTime}`];
  if (command !== null) yield ["Command", escapeBytes(command)];
}
