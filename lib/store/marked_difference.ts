import { equalBytes } from "../wire/text.ts";
import { differingChildren } from "./children.ts";
import {
  DIRTY_GENERATION,
  DIRTY_NEW,
  DIRTY_PERMS,
  DIRTY_VALUE,
  type NodeMarks,
} from "./dirty_nodes.ts";
import type { Node } from "./node.ts";
import { childPath, ROOT_PATH } from "./path.ts";
import { equalPerms } from "./perms.ts";

const NEVER_SAME = (): boolean => false;

/**
 * Tells `marks` how the tree `before` became the tree `after`, parents first: for changes of which it
 * is not known what they were. What both trees share is passed over.
 */
export function markDifference(before: Node, after: Node, marks: NodeMarks): void {
  const paths = [ROOT_PATH], befores: (Node | null)[] = [before], afters = [after];
  for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
    const is = afters.pop()!;
    const was = remaining(befores.pop()!, is, path, marks);
    markNode(was, is, path, marks);
    const below = differingChildren(was?.children ?? null, is.children, NEVER_SAME);
    for (let i = below.length - 1; i >= 0; i--) {
      const [was, is] = below[i]!;
      const child = childPath(path, (was ?? is)!.name);
      if (is === null) {
        marks.removed(child, was!);
        continue;
      }
      paths.push(child);
      befores.push(was);
      afters.push(is);
    }
  }
}

/** The node that was there, unless another one has come behind its siblings in its place. */
function remaining(was: Node | null, is: Node, path: string, marks: NodeMarks): Node | null {
  if (was === null || was.ordinal === is.ordinal) return was;
  marks.removed(path, was);
  return null;
}

function markNode(was: Node | null, is: Node, path: string, marks: NodeMarks): void {
  if (was === null) return marks.changed(path, is, DIRTY_NEW);
  const what = (equalBytes(was.value, is.value) ? DIRTY_GENERATION : DIRTY_VALUE) |
    (equalPerms(was.perms, is.perms) ? DIRTY_GENERATION : DIRTY_PERMS);
  if (what !== DIRTY_GENERATION || was.generation !== is.generation) marks.changed(path, is, what);
}
