import type { Node } from "../../store/node.ts";
import type { ByteWriter } from "./byte_writer.ts";
import type { TreeWalk } from "../../store/tree_walk.ts";
import { sharedLength } from "../../wire/text.ts";
import { putPerms } from "./perms_bytes.ts";

/**
 * Kinds of changes (changes.ts) of which the path is told by what it has in common with that of the
 * last such change in the same bytes: how many characters (16 bits), then the rest, with its length
 * before it. So a chain of nodes takes what is new in it, and an image little more than the names.
 */
export const NODE_WHOLE = 17;
/** Permissions and generation. */
export const NODE_PERMS = 18;
/** The generation alone: a child came or went. */
export const NODE_GENERATION = 19;

/** Puts nodes into the bytes of one turn, or of one piece of an image. */
export class NodeWriter {
  readonly #to: ByteWriter;
  #path = "";

  constructor(to: ByteWriter) {
    this.#to = to;
  }

  /** What follows begins new bytes. */
  restart(): void {
    this.#path = "";
  }

  /** A node as it is, whether or not it was there. */
  whole(
    path: string,
    { generation, ordinal, perms, value }: Pick<
      Node,
      "generation" | "ordinal" | "perms" | "value"
    >,
  ): void {
    this.#put(NODE_WHOLE, path, generation);
    this.#putRest({ ordinal, perms, value });
  }

  /** The node at which `walk` is, behind those at which it was; the first with all of its path. */
  walked(walk: TreeWalk, isFirst: boolean): void {
    if (isFirst) return this.whole(walk.path, walk.node);
    const to = this.#to;
    const { hasSlash, nameFrom, node, shared } = walk;
    to.u8(NODE_WHOLE);
    to.u16(shared);
    to.partOf(hasSlash ? "/" : "", node.name, nameFrom);
    to.count(node.generation);
    this.#putRest(node);
  }

  #putRest({ ordinal, perms, value }: Pick<Node, "ordinal" | "perms" | "value">): void {
    const to = this.#to;
    to.count(ordinal);
    putPerms(to, perms);
    to.bytes(value);
  }

  /** A node that is there, but for its value. */
  perms(path: string, { generation, perms }: Pick<Node, "generation" | "perms">): void {
    this.#put(NODE_PERMS, path, generation);
    putPerms(this.#to, perms);
  }

  /** The generation of a node that is there. */
  generation(path: string, { generation }: Pick<Node, "generation">): void {
    this.#put(NODE_GENERATION, path, generation);
  }

  #put(kind: number, path: string, generation: number): void {
    const to = this.#to;
    const shared = sharedLength(this.#path, path);
    this.#path = path;
    to.u8(kind);
    to.u16(shared);
    to.textFrom(path, shared);
    to.count(generation);
  }
}
