/** Records as objects for JSON: docs/history.md has the fields. */
import { permsJson } from "../store/perms.ts";
import { type BytesJson, textJson, valueJson } from "../wire/json.ts";
import type { Author, Change, HistoryRecord, NodeState } from "./record.ts";

type Json = Record<string, unknown>;

/** A record as an object for JSON. */
export function recordJson(record: HistoryRecord): Json {
  const { at, number, type } = record;
  const head = { type, number, at: timeJson(at) };
  if (record.type === "gap") {
    const { first, firstAt, missing } = record;
    const common = missing.map(({ author, count }) => ({ author: authorJson(author), count }));
    return { ...head, first, firstAt: timeJson(firstAt), missing: common };
  }
  const author = authorJson(record.author), { operations } = record;
  if (record.type === "abort") {
    const { facet, path, seen, there } = record;
    const common = { path, facet, seen, there, by: textJson(record.by) };
    return { ...head, author, operations, ...common, ...countJson(record) };
  }
  const { changes, detail, isKeyframe: keyframe, kind, moved } = record;
  const common = { kind, operations, detail: textJson(detail), changes: changes.map(changeJson) };
  return { ...head, author, ...common, moved, keyframe };
}

/** Whole microseconds, as RFC 3339 has them. */
export function timeJson(at: number): string {
  const rest = `${((at % 1_000) + 1_000) % 1_000}`.padStart(3, "0");
  return new Date(Math.floor(at / 1_000)).toISOString().replace("Z", `${rest}Z`);
}

/** An author as an object for JSON. */
export function authorJson(author: Author): Json {
  switch (author.kind) {
    case "domain": {
      const { domid, kind, name, uniqueId } = author;
      return { kind, domid, uniqueId: uniqueId?.toString() ?? null, name: optional(name) };
    }
    case "process": {
      const { command, domid, kind, pid, startTime, uid } = author;
      return { kind, domid, pid, startTime, uid, command: optional(command) };
    }
    default:
      return { kind: author.kind };
  }
}

function optional(text: string | null): BytesJson | null {
  return text === null ? null : textJson(text);
}

function changeJson(change: Change): Json {
  const { new: now, old, path } = change;
  return { path, old: nodeJson(old), new: nodeJson(now), ...countJson(change) };
}

/** Nothing where there was only one. */
function countJson(
  { count, first, firstAt }: Pick<Change, "count" | "first" | "firstAt">,
): Json {
  return count === 1 ? {} : { count, first, firstAt: timeJson(firstAt) };
}

/** A node as an object for JSON. */
export function nodeJson(node: NodeState | null): Json | null {
  if (node === null) return null;
  const { perms, value } = node;
  const common = value instanceof Uint8Array
    ? { value: valueJson(value) }
    : value.isLeftOut === true
    ? { leftOut: value.redacted }
    : { hidden: value.redacted };
  return { ...common, ...permsJson(perms) };
}
