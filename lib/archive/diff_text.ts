import { escapeValue } from "../wire/stock_escape.ts";
import { escapeText } from "../wire/escape.ts";
import { markedPerms, permsJson } from "../store/perms.ts";
import { textJson, valueJson } from "../wire/json.ts";
import { toText } from "../wire/text.ts";
import type { Difference, NodeSide } from "./diff.ts";

const RED = "\x1b[31m", GREEN = "\x1b[32m", PLAIN = "\x1b[0m";

/** A difference as lines for people, `-` for what is gone and `+` for what is new. */
export function differenceLines(difference: Difference, colour: boolean): string[] {
  const { kind } = difference;
  const [before, after] = kind === "node"
    ? [nodeText(difference.path, difference.before), nodeText(difference.path, difference.after)]
    : [otherText(difference, difference.before), otherText(difference, difference.after)];
  const lines: string[] = [];
  if (before !== null) lines.push(colour ? `${RED}- ${before}${PLAIN}` : `- ${before}`);
  if (after !== null) lines.push(colour ? `${GREEN}+ ${after}${PLAIN}` : `+ ${after}`);
  return lines;
}

function nodeText(path: string, side: NodeSide | null): string | null {
  if (side === null) return null;
  const perms = markedPerms(side.perms).join(",");
  return `${escapeText(path)} = "${escapeValue(toText(side.value))}"   (${perms})`;
}

function otherText(
  { kind, name }: { readonly kind: string; readonly name: string },
  side: string | null,
): string | null {
  if (side === null) return null;
  const text = escapeValue(name);
  return side === "once" ? `${kind} ${text}` : `${kind} ${text}: ${side}`;
}

/** A difference as an object for JSON. */
export function differenceJson(difference: Difference): Record<string, unknown> {
  const { kind } = difference;
  const change = difference.before === null
    ? "added"
    : difference.after === null
    ? "removed"
    : "changed";
  if (kind !== "node") {
    const { after, before, name } = difference;
    return { kind, name: textJson(name), change, before, after };
  }
  const { after, before, path } = difference;
  return { kind, path, change, before: sideJson(before), after: sideJson(after) };
}

function sideJson(side: NodeSide | null): Record<string, unknown> | null {
  return side === null ? null : { value: valueJson(side.value), ...permsJson(side.perms) };
}
