/** Makes records of what the engine tells: the only part of a history that knows an engine. */
import type {
  Abort,
  Commit,
  CommitListener,
  Deed,
  StartedAfter,
} from "../engine/commit_listener.ts";
import type { ProcessAuthor } from "../engine/author.ts";
import { RECORDED_BYTES_SHIFT, RECORDED_PATH_SHIFT, RECORDED_UNITS } from "../engine/work_meter.ts";
import {
  HISTORY_DETAIL_MAX,
  HISTORY_OLD_BYTES_MAX,
  HISTORY_PART_BYTES,
  HISTORY_RECORDS_SPARE_MAX,
  HISTORY_RESTORE_CHANGES_MAX,
} from "../limits.ts";
import type { Redaction } from "../store/redaction.ts";
import type { Change as TreeChange, NodeState as TreeNode } from "../store/tree_changes.ts";
import { escapeBytes } from "../wire/escape.ts";
import { MessageType } from "../wire/message_type.ts";
import { programOf } from "./filter.ts";
import { pathBytes } from "./sizes.ts";
import { OneChange } from "./one_change.ts";
import {
  type Author,
  type Change,
  type Facet,
  FACETS,
  type HistoryRecord,
  type Kind,
  type NodeState,
} from "./record.ts";

/** What a recorder needs. */
export interface RecorderParts {
  /** Microseconds since 1970. */
  wall(): number;
  readonly redaction: Redaction;
}

const NO_CHANGES: readonly Change[] = [];

/** Bytes of values up to which one change alone costs nothing. */
const FREE_BYTES = 128;

/** Takes down what is done, until it is taken. */
export class Recorder implements CommitListener {
  readonly #parts: RecorderParts;
  #last = 0;
  /** The time of this turn, in microseconds; 0 before something was done in it. */
  #at = 0;
  #records: HistoryRecord[] = [];
  /** Records that nobody has any more, to be used again. */
  readonly #spare: OneChange[] = [];
  /** What the present commit costs. */
  #units = 0;
  /** Something of the present commit is hidden. */
  #hidesSome = false;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
  }

  /** From now on numbers are given, behind `last`. */
  begin(last: number): void {
    this.#last = last;
  }

  /** The last number that was given. */
  get last(): number {
    return this.#last;
  }

  /** What was recorded since the last call: each commit with all its parts. Theirs until they are given {@link back}. */
  take(): readonly HistoryRecord[] {
    this.#at = 0;
    const records = this.#records;
    if (records.length > 0) this.#records = [];
    return records;
  }

  /** Nobody has these any more. */
  back(records: readonly HistoryRecord[]): void {
    for (let i = 0; i < records.length && this.#spare.length < HISTORY_RECORDS_SPARE_MAX; i++) {
      const record = records[i]!;
      if (!(record instanceof OneChange)) continue;
      record.clear();
      this.#spare.push(record);
    }
  }

  #now(): number {
    if (this.#at === 0) this.#at = this.#parts.wall();
    return this.#at;
  }

  committed(commit: Commit): number | void {
    const number = ++this.#last, at = this.#now(), { deeds, only } = commit;
    if (only !== null && isSimple(commit)) return this.#one(commit, only, number, at);
    this.#hidesSome = false;
    const parts = this.#changesOf(commit, number, at);
    const author = this.#hidesSome ? withoutArguments(commit.author) : commit.author;
    const first: HistoryRecord = {
      type: "commit",
      number,
      at,
      author,
      kind: kindOf(commit),
      operations: deeds.length === 0 ? 1 : operationsOf(deeds),
      detail: deeds.length === 0 && commit.group === 0 ? "" : detailOf(commit),
      moved: 0,
      isKeyframe: parts === null,
      changes: parts === null ? NO_CHANGES : parts[0]!,
    };
    this.#records.push(first);
    if (parts === null) return;
    for (let i = 1; i < parts.length; i++) this.#records.push({ ...first, changes: parts[i]! });
    return this.#units;
  }

  /** Most are of one change, and of these there may be very many. */
  #one(commit: Commit, only: TreeChange, number: number, at: number): number | void {
    const { author, deeds } = commit, hides = this.#parts.redaction.hides(only.path);
    const record = this.#spare.pop() ?? new OneChange();
    record.number = number;
    record.at = at;
    record.author = hides ? withoutArguments(author) : author;
    record.kind = kindOf(commit);
    record.operations = deeds.length === 0 ? 1 : operationsOf(deeds);
    record.tell(only, hides);
    this.#records.push(record);
    const bytes = valueBytes(only);
    if (bytes > FREE_BYTES) return bytes >> RECORDED_BYTES_SHIFT;
  }

  aborted({ author, conflict, operations }: Abort): number {
    const number = ++this.#last, at = this.#now();
    this.#records.push({
      type: "abort",
      number,
      at,
      // What it would have written is not known here.
      author: takesValues(author) ? withoutArguments(author) : author,
      operations,
      path: conflict?.path ?? "/",
      facet: facetOf(conflict?.facet),
      seen: conflict?.saw ?? "",
      there: conflict?.now ?? "",
      by: conflict?.by.label ?? "",
      count: 1,
      first: number,
      firstAt: at,
    });
    return number;
  }

  /** The changes of a commit in parts of bounded size; null where a keyframe stands for them. */
  #changesOf(commit: Commit, number: number, at: number): Change[][] | null {
    const { kind } = commit;
    // What a store has that is new, or restored, may be more than all that led to it.
    const most = kind === "restore" || kind === "start" ? HISTORY_RESTORE_CHANGES_MAX : Infinity;
    const parts: Change[][] = [[]];
    let bytes = 0, count = 0, oldBytes = 0, before = "";
    this.#units = 0;
    for (const change of commit.changes()) {
      if (++count > most) return null;
      if (bytes > HISTORY_PART_BYTES) {
        parts.push([]);
        bytes = 0;
      }
      const more = bytesOf(change, before);
      bytes += more;
      this.#units += RECORDED_UNITS + (change.path.length >> RECORDED_PATH_SHIFT) +
        (more >> RECORDED_BYTES_SHIFT);
      before = change.path;
      oldBytes += change.old?.value.length ?? 0;
      parts.at(-1)!.push(this.#changeOf(change, number, at, oldBytes > HISTORY_OLD_BYTES_MAX));
    }
    return parts;
  }

  /** Of large commits old values are told by their lengths only: what follows from new ones is whole without them. */
  #changeOf(
    { new: now, old, path }: TreeChange,
    number: number,
    at: number,
    isLarge: boolean,
  ): Change {
    const hides = this.#parts.redaction.hides(path);
    if (hides) this.#hidesSome = true;
    return {
      path,
      old: isLarge && !hides ? withoutValue(old) : stateOf(old, hides),
      new: stateOf(now, hides),
      count: 1,
      first: number,
      firstAt: at,
    };
  }
}

/** Programs that are given values to write by their command lines. */
export const WRITERS: readonly string[] = ["xs", "xenstore", "xenstore-write"];

function takesValues(author: Author): boolean {
  return author.kind === "process" && author.command !== null &&
    WRITERS.includes(programOf(author.command));
}

/** The author without what its command line says behind the program's name, which may be what is to be hidden. */
export function withoutArguments(author: Author): Author {
  if (author.kind !== "process" || author.command === null) return author;
  const known = alone.get(author);
  if (known !== undefined) return known;
  const found = { ...author, command: author.command.split(/[ \0]/, 1)[0]! };
  alone.set(author, found);
  return found;
}

/** The same each time: others look for what they know of an author. */
const alone = new WeakMap<ProcessAuthor, ProcessAuthor>();

const CHANGE_BYTES = 32;

/** Bytes of a change behind that of the path `before`. */
function bytesOf({ new: now, old, path }: TreeChange, before: string): number {
  return CHANGE_BYTES + pathBytes(path, before) + valueBytes({ old, new: now });
}

function valueBytes({ new: now, old }: Pick<TreeChange, "old" | "new">): number {
  return (old === null ? 0 : old.value.length) + (now === null ? 0 : now.value.length);
}

/** A node as a history keeps it: values and permissions are never written into, so they need no copy. */
export function stateOf(node: TreeNode | null, hides: boolean): NodeState | null {
  if (node === null) return null;
  const { perms, value } = node;
  return { value: hides ? { redacted: value.length } : value, perms };
}

/** A node of which the value is left out, though it may be shown. */
function withoutValue(node: TreeNode | null): NodeState | null {
  if (node === null) return null;
  return { value: { redacted: node.value.length, isLeftOut: true }, perms: node.perms };
}

const BY_DEED: Readonly<Partial<Record<Deed["kind"], Kind>>> = {
  transaction: "transaction",
  introduced: "introduce",
  released: "release",
  resumed: "resume",
  target: "set-target",
  features: "features",
  quota: "quota",
  setting: "setting",
};

const BY_TYPE: Readonly<Record<number, Kind>> = {
  [MessageType.WRITE]: "write",
  [MessageType.MKDIR]: "mkdir",
  [MessageType.RM]: "rm",
  [MessageType.SET_PERMS]: "set-perms",
};

function kindOf({ deeds, kind, type }: Commit): Kind {
  if (kind !== "request") return kind;
  const [first] = deeds;
  return (first === undefined ? undefined : BY_DEED[first.kind]) ?? BY_TYPE[type ?? -1] ??
    "request";
}

/** Whether a request led to it that did nothing besides changing nodes, or a transaction. */
function isSimple({ deeds, group, kind, type }: Commit): boolean {
  if (kind !== "request" || group !== 0) return false;
  if (deeds.length === 0) return type !== null && BY_TYPE[type] !== undefined;
  return deeds.length === 1 && deeds[0]!.kind === "transaction";
}

function facetOf(facet: string | undefined): Facet {
  return FACETS.find((known) => known === facet) ?? "other";
}

/** Of a transaction; anything else is one. */
function operationsOf(deeds: readonly Deed[]): number {
  let operations = 0;
  for (const deed of deeds) if (deed.kind === "transaction") operations += deed.operations;
  return operations || 1;
}

function detailOf({ deeds, group }: Commit): string {
  if (group === 0 && deeds.length === 1 && deeds[0]!.kind === "transaction") return "";
  const said = textOf(deeds, true);
  // Guests' names are long, their numbers are not.
  const text = said.length <= HISTORY_DETAIL_MAX ? said : cut(textOf(deeds, false));
  if (group === 0) return text;
  return text === "" ? `part of death ${group}` : `${text}; part of death ${group}`;
}

function textOf(deeds: readonly Deed[], isNamed: boolean): string {
  return deeds.map((deed) => deedText(deed, isNamed)).filter((text) => text !== "").join("; ");
}

/** As many whole deeds as there is room for. */
function cut(text: string): string {
  if (text.length <= HISTORY_DETAIL_MAX) return text;
  return `${text.slice(0, text.lastIndexOf("; ", HISTORY_DETAIL_MAX))}; and more`;
}

function deedText(deed: Deed, isNamed: boolean): string {
  switch (deed.kind) {
    case "transaction":
      return "";
    case "introduced":
      return `domain ${deed.domid}, port ${deed.port}`;
    case "released":
    case "resumed":
    case "restored":
      return `domain ${deed.domid}`;
    case "target":
      return `domain ${deed.domid}, target ${deed.target}`;
    case "features":
      return `domain ${deed.domid}, features ${deed.features}`;
    case "quota": {
      const whose = deed.domid === null ? "new domains" : `domain ${deed.domid}`;
      return `${deed.name} of ${whose}: ${deed.old}, now ${deed.new}`;
    }
    case "setting":
      return `${deed.name}: ${escapeBytes(deed.value)}`;
    case "died": {
      const name = deed.name === null || !isNamed ? "" : ` (${escapedName(deed.name)})`;
      return `domain ${deed.domid}${name} died`;
    }
    case "erased":
      return `nothing is left of domain ${deed.domid}`;
    case "started":
      return startText(deed.after);
  }
}

/** A guest chose its name: it must not end the parentheses in which it stands. */
function escapedName(name: string): string {
  return escapeBytes(name).replaceAll("(", "\\x28").replaceAll(")", "\\x29");
}

function startText(after: StartedAfter): string {
  switch (after) {
    case "nothing":
      return "with an empty store";
    case "end":
      return "after an orderly end";
    case "death":
      return "after a death";
    case "boot":
      return "after a boot of the host";
    case "live update":
      return "after a live update";
  }
}
