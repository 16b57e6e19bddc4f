import { PERMS_ONLY } from "../store/tree_loader.ts";
import { ByteWriter } from "./byte_writer.ts";
import * as put from "./changes.ts";
import type { NodeRecord, NodeState } from "./node_record.ts";
import { NodeWriter } from "./node_writer.ts";

/** Of the changes that it is told, keeps those of nodes, as bytes. */
export class NodeChanges implements put.ChangeSink {
  readonly changes = new ByteWriter(65_536);
  readonly #nodes = new NodeWriter(this.changes);

  node(node: NodeRecord): void {
    this.#nodes.whole(node.path, node);
  }

  nodePart(node: NodeRecord): void {
    if (node.part === PERMS_ONLY) this.#nodes.perms(node.path, node);
    else this.#nodes.generation(node.path, node);
  }

  nodeGone(path: string): void {
    put.putNodeGone(this.changes, path);
  }

  staged(node: NodeState): void {
    put.putStaged(this.changes, node.path, node);
  }

  adopted(): void {
    put.putAdopted(this.changes);
  }

  heard(): void {
    put.putHeard(this.changes);
  }

  domain(): void {
    // Told anew by who uses this, as is all that follows.
  }

  end(): void {}
  domainGone(): void {}
  watch(): void {}
  unwatch(): void {}
  transaction(): void {}
  quotas(): void {}
  setting(): void {}
  ring(): void {}
  held(): void {}
  heldGone(): void {}
  othersGone(): void {}
}
