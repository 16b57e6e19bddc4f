/** Makes records of the engine's commits: the only part of a history that depends on the engine. */
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
  HISTORY_RECORDS_SPARE_MAX,
  HISTORY_RESTORE_CHANGES_MAX,
} from "../limits.ts";
import type { HiddenOnTrail } from "../store/hidden_on_trail.ts";
import type { Redaction } from "../store/redaction.ts";
import type { Change as TreeChange, NodeState as TreeNode } from "../store/tree_changes.ts";
import { escapeBytes } from "../wire/escape.ts";
import { MessageType } from "../wire/message_type.ts";
import { ChangesCoder, type CodedChanges, CodedCommit, type CommitHead } from "./coded_commit.ts";
import { programOf } from "./filter.ts";
import type { Folds } from "./folds.ts";
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

/** Bytes of values up to which a commit of one change costs nothing. */
const FREE_BYTES = 128;

/** What the record of a commit of one change costs. */
function unitsOf(bytes: number): number {
  return bytes > FREE_BYTES ? bytes >> RECORDED_BYTES_SHIFT : 0;
}

/** Records commits and aborts until {@link Recorder.take} takes the records. */
export class Recorder implements CommitListener {
  readonly #parts: RecorderParts;
  #last = 0;
  /** The time of this turn, in microseconds since 1970; 0 before its first record. */
  #at = 0;
  #records: HistoryRecord[] = [];
  /** An empty array for the next turn, used again and again. */
  #next: HistoryRecord[] | null = null;
  /** Records that came {@link back}, for reuse. */
  readonly #spare: OneChange[] = [];
  /** The cost of the present commit, in units of the meter. */
  #units = 0;
  readonly #coder = new ChangesCoder();
  /** One for all commits: its states of a chain of a thousand names take more memory than the nodes. */
  readonly #hidden: HiddenOnTrail;
  /** Finds earlier records of the same paths; null while there is no history. */
  folds: Folds | null = null;
  /**
   * The last record of this turn, if it will be folded into an earlier one: further commits of its author and path become a part
   * of it at once.
   */
  #growing: OneChange | null = null;
  /** Whether the present commit has a hidden value. */
  #hidesSome = false;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.#hidden = parts.redaction.onTrail();
  }

  /** Sets the last number in use: the next record gets the one after it. */
  begin(last: number): void {
    this.#last = last;
  }

  /** The number of the last record. */
  get last(): number {
    return this.#last;
  }

  /** When this turn began, in microseconds since 1970; 0 before its first record. */
  get at(): number {
    return this.#at;
  }

  /** Whether each record since the last {@link take} is a {@link OneChange}. */
  isPlain = true;

  /** The records since the last call, each commit with all its parts. The caller owns them until it gives them {@link back}. */
  take(): HistoryRecord[] {
    this.#at = 0;
    this.isPlain = true;
    this.#growing = null;
    const records = this.#records;
    if (records.length === 0) return records;
    this.#records = this.#next ?? [];
    this.#next = null;
    return records;
  }

  /** Takes back records that nothing refers to any more, and their array, for reuse. */
  back(records: HistoryRecord[]): void {
    const spare = this.#spare;
    for (let record = records.pop(); record !== undefined; record = records.pop()) {
      if (!(record instanceof OneChange) || spare.length === HISTORY_RECORDS_SPARE_MAX) continue;
      record.clear();
      spare.push(record);
    }
    this.#next = records;
  }

  #now(): number {
    if (this.#at === 0) this.#at = this.#parts.wall();
    return this.#at;
  }

  committed(commit: Commit): number | void {
    const number = ++this.#last, at = this.#now(), { deeds, only } = commit;
    if (only !== null) {
      const kind = simpleKind(commit);
      if (kind !== null) return this.#one(commit, only, kind, number, at);
    }
    this.#hidesSome = this.isPlain = false;
    this.#growing = null;
    const parts = this.#changesOf(commit);
    const head: CommitHead = {
      number,
      at,
      author: this.#hidesSome ? withoutArguments(commit.author) : commit.author,
      kind: kindOf(commit),
      operations: operationsOf(deeds),
      detail: deeds.length === 0 && commit.group === 0 ? "" : detailOf(commit),
    };
    if (parts === null || parts.length === 0) {
      const isKeyframe = parts === null;
      this.#records.push({ type: "commit", ...head, moved: 0, isKeyframe, changes: NO_CHANGES });
      return;
    }
    for (const part of parts) this.#records.push(new CodedCommit(head, part));
    return this.#units;
  }

  /** A commit of one change, apart from the others: most are such, and a flood has very many. */
  #one(
    { author, deeds }: Commit,
    only: TreeChange,
    kind: Kind,
    number: number,
    at: number,
  ): number {
    const { folds } = this, last = folds === null ? null : folds.lastOf(only.path);
    const hides = last?.isHidden ?? this.#parts.redaction.hides(only.path);
    const record = this.#spare.pop() ?? new OneChange();
    record.number = number;
    record.at = at;
    record.author = hides ? withoutArguments(author) : author;
    record.kind = kind;
    record.operations = operationsOf(deeds);
    record.last = last;
    record.tell(only, hides);
    this.#records.push(record);
    this.#growing = last !== null && !hides && folds!.isFolded(record, last) ? record : null;
    return unitsOf((only.old?.value.length ?? 0) + (only.new?.value.length ?? 0));
  }

  repeated(old: TreeNode, now: TreeNode): number {
    const growing = this.#growing;
    if (growing === null) return -1;
    growing.takeNext(++this.#last, now);
    return unitsOf(old.value.length + now.value.length);
  }

  aborted({ author, conflict, operations }: Abort): number {
    const number = ++this.#last, at = this.#now();
    this.isPlain = false;
    this.#growing = null;
    this.#records.push({
      type: "abort",
      number,
      at,
      // The aborted writes are not known here: one of them may have been hidden.
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
  #changesOf(commit: Commit): CodedChanges[] | null {
    const { kind } = commit, coder = this.#coder, hidden = this.#hidden;
    // A new or restored store may be larger than a history.
    const most = kind === "restore" || kind === "start" ? HISTORY_RESTORE_CHANGES_MAX : Infinity;
    let count = 0, oldBytes = 0;
    this.#units = 0;
    commit.visit((trail, old, now) => {
      if (++count > most) return false;
      oldBytes += old === null ? 0 : old.value.length;
      const hides = hidden.hides(trail);
      if (hides) this.#hidesSome = true;
      // Old values of large commits are left out: a later moment needs only the new ones.
      const isLarge = oldBytes > HISTORY_OLD_BYTES_MAX;
      const before = hides ? withLength(old) : isLarge ? withLength(old, true) : old;
      const weight = coder.add(trail, before, hides ? withLength(now) : now);
      this.#units += RECORDED_UNITS + (trail.length >> RECORDED_PATH_SHIFT) +
        (weight >> RECORDED_BYTES_SHIFT);
      return true;
    });
    const parts = coder.take();
    return count > most ? null : parts;
  }
}

/** Programs whose command lines have the values that they write. */
export const WRITERS: readonly string[] = ["xs", "xenstore", "xenstore-write"];

function takesValues(author: Author): boolean {
  return author.kind === "process" && author.command !== null &&
    WRITERS.includes(programOf(author.command));
}

/** The author without the arguments of its command line, which may have the hidden value. */
export function withoutArguments(author: Author): Author {
  if (author.kind !== "process" || author.command === null) return author;
  const known = alone.get(author);
  if (known !== undefined) return known;
  const found = { ...author, command: author.command.split(/[ \0]/, 1)[0]! };
  alone.set(author, found);
  return found;
}

/** Gives the same object for the same author, since others look authors up by their object. */
const alone = new WeakMap<ProcessAuthor, ProcessAuthor>();

/** A node as a history keeps it: values and permissions are never written into, so they need no copy. */
export function stateOf({ perms, value }: TreeNode, hides: boolean): NodeState {
  return { value: hides ? { redacted: value.length } : value, perms };
}

/** A node without its value, whose length stays: the value is hidden, or `isLeftOut` because the commit is large. */
function withLength(node: TreeNode | null, isLeftOut = false): NodeState | null {
  if (node === null) return null;
  const { perms, value: { length: redacted } } = node;
  return { value: isLeftOut ? { redacted, isLeftOut } : { redacted }, perms };
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

/** The kind of a request that only changed nodes, and of a transaction; null for anything else. */
function simpleKind({ deeds, group, kind, type }: Commit): Kind | null {
  if (kind !== "request" || group !== 0) return null;
  if (deeds.length === 0) return BY_TYPE[type ?? -1] ?? null;
  return deeds.length === 1 && deeds[0]!.kind === "transaction" ? "transaction" : null;
}

function facetOf(facet: string | undefined): Facet {
  return FACETS.find((known) => known === facet) ?? "other";
}

/** The number of a transaction's operations; 1 for anything else. */
function operationsOf(deeds: readonly Deed[]): number {
  if (deeds.length === 0) return 1;
  let operations = 0;
  for (const deed of deeds) if (deed.kind === "transaction") operations += deed.operations;
  return operations || 1;
}

function detailOf({ deeds, group }: Commit): string {
  if (group === 0 && deeds.length === 1 && deeds[0]!.kind === "transaction") return "";
  const said = textOf(deeds, true);
  // Names of guests can be long: if the text has no room for them, domids must do.
  const text = said.length <= HISTORY_DETAIL_MAX ? said : cut(textOf(deeds, false));
  if (group === 0) return text;
  return text === "" ? `part of death ${group}` : `${text}; part of death ${group}`;
}

function textOf(deeds: readonly Deed[], isNamed: boolean): string {
  return deeds.map((deed) => deedText(deed, isNamed)).filter((text) => text !== "").join("; ");
}

/** Cuts a text behind the last deed for which there is room. */
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
