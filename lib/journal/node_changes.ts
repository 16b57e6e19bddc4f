import { ByteWriter } from "./byte_writer.ts";
import { type ChangeSink, type NodeState, putNode, putNodeGone } from "./changes.ts";

/** Of the changes that it is told, keeps those of nodes, as bytes. */
export class NodeChanges implements ChangeSink {
  readonly changes = new ByteWriter(65_536);

  node(node: NodeState): void {
    putNode(this.changes, node.path, node);
  }

  nodeGone(path: string): void {
    putNodeGone(this.changes, path);
  }

  domain(): void {
    // Told anew by who uses this, as is all that follows.
  }

  domainGone(): void {}
  watch(): void {}
  unwatch(): void {}
  transaction(): void {}
  quotas(): void {}
  ring(): void {}
  othersGone(): void {}
}
