import { listChildren } from "./children.ts";
import type { Node } from "./node.ts";
import { ROOT_PATH } from "./path.ts";
import { sharedLength } from "../wire/text.ts";

/**
 * Goes to every node, parents first, siblings in creation order, without a string for each path: the paths of a chain
 * of a thousand nodes are a megabyte. Of a node's path it tells what it has in common with the last one's.
 */
export class TreeWalk {
  /** Where it is: before {@link next}, nowhere. */
  node: Node;
  /** How many characters its path has in common with that of the node before; 0 for the root. */
  shared = 0;
  /** Whether behind them a slash comes before the rest of its name. */
  hasSlash = false;
  readonly #pending: Node[] = [];
  /** Of each that is pending, how deep it is. */
  readonly #depths: number[] = [];
  /** The names from below the root down to the node, and how long the paths above them are. */
  readonly #names: string[] = [];
  readonly #lengths: number[] = [];
  /** How many names that are; the root has none. */
  #depth = 0;

  constructor(root: Node) {
    this.node = root;
    this.#pending.push(root);
    this.#depths.push(0);
  }

  /** Goes on to the next; false when there is none. */
  next(): boolean {
    const node = this.#pending.pop();
    if (node === undefined) return false;
    this.node = node;
    const depth = this.#depths.pop()!;
    if (depth > 0) this.#enter(node.name, depth);
    if (node.children !== null) this.#addChildren(listChildren(node.children), depth + 1);
    return true;
  }

  #enter(name: string, depth: number): void {
    const names = this.#names, lengths = this.#lengths;
    const level = depth - 1;
    const length = level === 0 ? 0 : lengths[level - 1]! + 1 + names[level - 1]!.length;
    // The last one was its parent, or was in the tree of the sibling before.
    const isFirst = this.#depth === level;
    // The root's own path is a slash.
    this.hasSlash = isFirst && level > 0;
    this.shared = this.hasSlash ? length : length + 1;
    if (!isFirst) this.shared += sharedLength(names[level]!, name);
    names[level] = name;
    lengths[level] = length;
    this.#depth = depth;
  }

  #addChildren(children: readonly Node[], depth: number): void {
    for (let i = children.length - 1; i >= 0; i--) {
      this.#pending.push(children[i]!);
      this.#depths.push(depth);
    }
  }

  /** Where in the node's name the rest of its path begins. */
  get nameFrom(): number {
    const above = this.#depth === 0 ? 0 : this.#lengths[this.#depth - 1]! + 1;
    return this.hasSlash ? 0 : this.shared - above;
  }

  /** The node's path. */
  get path(): string {
    return ROOT_PATH + this.#names.slice(0, this.#depth).join("/");
  }
}
