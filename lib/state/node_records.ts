import { listChildren } from "../store/children.ts";
import type { Node } from "../store/node.ts";
import { childPath } from "../store/path.ts";
import type * as records from "./records.ts";

/**
 * Every node at and below `top`, parents first, siblings in creation order. Iterative, since a path can
 * be over a thousand names deep (XSA-418).
 */
export function* nodeRecords(top: Node, path: string): Generator<records.Node, void> {
  const nodes: Node[] = [top], paths: string[] = [path];
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    const { children, generation, ordinal, perms, value } = node;
    const path = paths.pop()!;
    yield { kind: "node", path, value, perms, generation, ordinal };
    if (children === null) continue;
    const below = listChildren(children);
    for (let i = below.length - 1; i >= 0; i--) {
      nodes.push(below[i]!);
      paths.push(childPath(path, below[i]!.name));
    }
  }
}
