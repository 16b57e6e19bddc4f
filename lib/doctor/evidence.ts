/** What a rule of `xs doctor` looks at: plain data, collected once. */
import type { DomainStatus, HistogramStatus } from "../engine/status_pages.ts";
import type { Status } from "../engine/status.ts";
import type { HostDomain } from "../engine/operations/insight.ts";
import type { WatchRow } from "../engine/who.ts";
import type { Perms } from "../store/perms.ts";

/** What a domain has of a quota, and how much it may have. */
export interface Level {
  readonly domid: number;
  readonly used: number;
  readonly limit: number;
}

/** A node of the store. */
export interface SeenNode {
  readonly path: string;
  /** Its value, one character a byte, and cut. */
  readonly value: string;
  readonly valueBytes: number;
  readonly perms: Perms;
  /** How many children it has, and the bytes of their names with a NUL each. */
  children: number;
  nameBytes: number;
}

/** A watch, and how many events a second it got. */
export interface SeenWatch extends WatchRow {
  readonly eventsPerSecond: number;
}

/** Since when something is so, as far as the evidence itself shows. */
export type Onset =
  /** At `from` at the earliest (null: unknown), at `to` at the latest; in ms since 1970. */
  | { readonly kind: "seen"; readonly from: number | null; readonly to: number }
  /** Since the domain is gone and the node is as it is now, whichever came later. */
  | { readonly kind: "left"; readonly domid: number; readonly path: string }
  /** Not before the domain was introduced, and not after the first look. */
  | { readonly kind: "domain"; readonly domid: number }
  /** Since the domain has nearly so many nodes as it may have. */
  | { readonly kind: "nodes" } & Level
  /** Since the node is nearly as large as its owner's nodes may be. */
  | { readonly kind: "size"; readonly path: string } & Level;

/** What of a domain's ring was the same at two looks, and whether it moved between. */
export interface SeenRing {
  readonly domid: number;
  readonly requestsWaiting: number;
  readonly responsesWaiting: number;
  readonly moved: boolean;
  readonly ignored: boolean;
  /** When the domain broke the protocol, so that the daemon ignores it, in ms since 1970; null if unknown. */
  readonly brokenAt: number | null;
}

/** A process that used a processor all the time. */
export interface SpinningProcess {
  readonly pid: number;
  readonly command: string;
  /** Of one processor, 0 to 1. */
  readonly share: number;
}

/** The daemon's figures at one moment. */
export interface Figures {
  readonly status: Status;
  readonly domains: readonly DomainStatus[];
  readonly commits: HistogramStatus;
  /** The host's time, in ms since 1970. */
  readonly wallMs: number;
}

/** All that was collected, between two looks. */
export interface Evidence {
  readonly nodes: ReadonlyMap<string, SeenNode>;
  /** What the hypervisor says of the domids that the store names. */
  readonly host: ReadonlyMap<number, HostDomain>;
  readonly before: Figures;
  readonly after: Figures;
  /** Between both. */
  readonly seconds: number;
  readonly watches: readonly SeenWatch[];
  readonly rings: readonly SeenRing[];
  readonly spinning: readonly SpinningProcess[];
}

/** Something that {@link fix} can do, and what must still be so for that. */
export interface Fix {
  /** `remove` the node with all below it; `remove empty` only if there is nothing; `permissions`: the domain's entries. */
  readonly kind: "remove" | "remove empty" | "permissions";
  readonly path: string;
  /** The domain that must still be gone. */
  readonly domid: number;
}

/** Something that is wrong, or soon will be. */
export interface Finding {
  readonly rule: string;
  /** What it is about: a path, a domain, a client. */
  readonly object: string;
  /** The evidence. */
  readonly text: string;
  readonly onset: Onset;
  /** The command that fixes it, as a user types it; null if unknown. */
  readonly command: string | null;
  readonly fix: Fix | null;
}

/** A rule's finding. Without `onset` it was seen at both looks; without `fix` there is none. */
export interface Found extends Pick<Finding, "object" | "text" | "command"> {
  readonly onset?: Onset | null;
  readonly fix?: Fix;
}

/** A rule: a file of its own, with the story that it comes from. */
export interface Rule {
  readonly name: string;
  check(evidence: Evidence): Iterable<Found>;
}

/** The onset of a finding of both looks: at the first look at the latest. */
export function sinceFirstLook({ before }: Pick<Evidence, "before">): Onset {
  return { kind: "seen", from: null, to: before.wallMs };
}

/** The domain that a path belongs to by its place, if it is the top of what that has: its home or a backend's directory. */
export function ownerByPlace(path: string): number | null {
  const match = /^\/(?:local\/domain|libxl)\/(\d{1,5})$/.exec(path) ??
    /^\/local\/domain\/\d{1,5}\/backend\/[^/]+\/(\d{1,5})$/.exec(path);
  return match === null ? null : Number(match[1]);
}

/** Whether the hypervisor was asked for a domid, and has no such domain. */
export function isGone({ host }: Pick<Evidence, "host">, domid: number): boolean {
  return host.get(domid)?.alive === false;
}

/** Bytes that an entry of the permissions takes of a node's size. */
export const PERMS_ENTRY = 8;

/** How much of a limit is used, in whole percent. */
export function percentOf({ limit, used }: Pick<Level, "limit" | "used">): number {
  return Math.floor(100 * used / limit);
}
