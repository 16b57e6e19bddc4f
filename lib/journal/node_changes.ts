import { ByteWriter } from "./byte_writer.ts";
import * as put from "./changes.ts";
import type { NodeState } from "./node_record.ts";

/** Of the changes that it is told, keeps those of nodes, as bytes. */
export class NodeChanges implements put.ChangeSink {
  readonly changes = new ByteWriter(65_536);

  node(node: NodeState): void {
    put.putNode(this.changes, node.path, node);
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
