/**
 * Which files a node is in a git repository (docs/history.md, "As a git repository"). A node has a value and children, so it cannot be
 * a file and a directory of its name: its value is the file `name.value`, its permissions are `name.perms`, and what is below it is
 * in the directory `name`. No name of a node has a dot, so none of these is another node's.
 */
import { GIT_NAME_MAX } from "../../limits.ts";
import { ROOT_PATH } from "../../store/path.ts";
import { markedPerms } from "../../store/perms.ts";
import { hiddenValue } from "../../store/redaction.ts";
import { toText } from "../../wire/text.ts";
import type { NodeState } from "../record.ts";

/** Where specials are, whose names nodes could have, too. */
const SPECIALS = "%special";

/** A file, with its content as one character a byte. */
export interface NodeFile {
  readonly path: string;
  readonly text: string;
}

/** What of a node is in which file. */
export function* filesOf(path: string, { perms, value }: NodeState): Generator<NodeFile, void> {
  const stem = stemOf(path);
  // A special has no value.
  if (path.startsWith("/")) {
    const text = value instanceof Uint8Array ? toText(value) : hiddenValue(value.redacted);
    yield { path: `${stem}.value`, text };
  }
  const lines = markedPerms(perms).map((entry) => `${entry}\n`);
  yield { path: `${stem}.perms`, text: lines.join("") };
}

/** The files that a node may have. */
export function fileNamesOf(path: string): readonly string[] {
  const stem = stemOf(path);
  return [`${stem}.value`, `${stem}.perms`];
}

/** The path of a node's files, without their suffix. */
function stemOf(path: string): string {
  if (path === ROOT_PATH) return "";
  if (!path.startsWith("/")) return `${SPECIALS}/${encodeName(path)}`;
  return path.slice(1).split("/").map(encodeName).join("/");
}

const PLAIN = /^[\w@-]+$/;
const PLAIN_PIECES = new RegExp(`.{1,${GIT_NAME_MAX}}`, "g");
/** None is longer, though each byte takes three characters. */
const ESCAPED_PIECES = new RegExp(`(?:%..|[^%]){1,${GIT_NAME_MAX / 3}}`, "g");

/**
 * A name as a file system and git take it. Names of nodes have only letters, digits, `-`, `_` and `@`, so that none is `.git` or
 * `..`; in a damaged history there may be others, of which each other byte is `%XX`. A long name is cut into pieces, each but the
 * last a directory with a `%` at its end.
 */
function encodeName(name: string): string {
  const pieces = PLAIN.test(name) ? name.match(PLAIN_PIECES) : escaped(name).match(ESCAPED_PIECES);
  return pieces?.join("%/") ?? "%";
}

function escaped(name: string): string {
  return name.replace(/[^\w@-]/gs, (char) => {
    return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  });
}
