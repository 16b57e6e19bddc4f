import type { Domain, HeldSocket, Setting, Transaction } from "../../state/records.ts";
import type { RingState } from "../../state/ring_state.ts";
import type { NodeRecord, NodeState } from "./node_record.ts";

/** A watch as it is persisted; `key` is that of its connection. */
export interface WatchState {
  readonly key: number;
  readonly path: string;
  readonly token: string;
  readonly relative: boolean;
  readonly depth: number;
}

/** What is told of each change that is read. */
export interface ChangeSink {
  node(node: NodeRecord): void;
  /** Of a node that is there, what {@link NodeRecord.part} says. */
  nodePart(node: NodeRecord): void;
  nodeGone(path: string): void;
  domain(domain: Domain): void;
  domainGone(domid: number): void;
  watch(watch: WatchState): void;
  unwatch(key: number, path: string, token: string): void;
  /** Null for one that has ended. */
  transaction(key: number, id: number, open: Transaction | null): void;
  /** Ids of the connection's transactions up to this one were given. */
  idsGiven(key: number, idLast: number): void;
  held(held: HeldSocket): void;
  heldGone(key: number): void;
  quotas(values: ReadonlyMap<string, number>): void;
  /** Null for one that counts no more. */
  setting(name: string, setting: Setting | null): void;
  ring(ring: RingState): void;
  /** Nothing but nodes counts of what was told before: the rest is told again. */
  othersGone(): void;
  /** A node of a tree that may come to take the place of the present one; `/` begins it. */
  staged(node: NodeState): void;
  /** The nodes staged are the tree from now on. */
  adopted(): void;
  /** All watchers have heard what that changed. */
  heard(): void;
  /** That was all. */
  end(): void;
}
