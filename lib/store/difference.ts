import { NODES_PER_PAUSE } from "../limits.ts";
import { equalBytes } from "../wire/text.ts";
import { differingChildren } from "./children.ts";
import type { Node } from "./node.ts";
import { ROOT_PATH } from "./path.ts";
import { equalPerms } from "./perms.ts";
import type { Trail } from "./trail.ts";

/** A node that is not the same in two trees: null where it is not there. */
export interface NodeDifference {
  readonly path: string;
  readonly before: Node | null;
  readonly after: Node | null;
}

/** A place of both trees: the text of its path is made only when it is asked for. */
class Difference implements NodeDifference {
  constructor(
    private readonly above: Difference | string,
    readonly before: Node | null,
    readonly after: Node | null,
  ) {}

  get path(): string {
    const names: string[] = [];
    let { above, after, before }: Difference = this;
    while (typeof above !== "string") {
      names.push((after ?? before)!.name);
      ({ above, after, before } = above);
    }
    const top = above === ROOT_PATH && names.length > 0 ? "" : above;
    return [top, ...names.reverse()].join("/");
  }
}

/**
 * What differs between two trees in existence, value or permissions, parents first. Of what is only
 * in `before` only the topmost node is told. What both share is passed over at no cost. Null is a
 * pause, for who has other work to do. `trail`, if given, is at the path of each.
 */
export function* differences(
  before: Node | null,
  after: Node | null,
  path = ROOT_PATH,
  trail: Trail | null = null,
): Generator<NodeDifference | null, void> {
  let looked = 0;
  const pending = [new Difference(path, before, after)], depths = [0];
  trail?.goTo(path);
  const top = trail?.depth ?? 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { before, after } = next, depth = depths.pop()!;
    if (before === after) continue;
    if (depth > 0) trail?.enter(top + depth, (after ?? before)!.name);
    if (before === null || after === null || !isSameNode(before, after)) yield next;
    if (after === null) continue;
    const below = differingChildren(before?.children ?? null, after.children, isSameLeaf);
    looked += 1 + (after.children?.size ?? 0);
    if (looked > NODES_PER_PAUSE) {
      looked = 0;
      yield null;
    }
    for (let i = below.length - 1; i >= 0; i--) {
      const [was, is] = below[i]!;
      pending.push(new Difference(next, was, is));
      depths.push(depth + 1);
    }
  }
}

function isSameLeaf(a: Node, b: Node): boolean {
  return a.children === null && b.children === null && isSameNode(a, b);
}

/** What a node has besides its children. */
export type Content = Pick<Node, "perms" | "value">;

/** Whether two nodes have the same value and permissions. */
export function isSameNode(a: Content, b: Content): boolean {
  return equalPerms(a.perms, b.perms) && equalBytes(a.value, b.value);
}
