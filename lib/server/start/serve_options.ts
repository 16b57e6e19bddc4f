import type { Clock } from "../../clock.ts";
import type { QuotaSetting } from "../../engine/quotas.ts";
import type { LogOptions } from "../logging/log.ts";
import type { OwnCommandLine } from "../live_update/command_line.ts";
import type { OnDamage, Persistence } from "../persistence/persistence.ts";
import type { HistoryChoice } from "../history/history_file.ts";
import type { TraceOptions } from "../logging/trace_options.ts";
import type { XenChoice } from "../xen/world.ts";

/** What `xs serve` can be told. */
export interface ServeOptions extends TraceOptions, LogOptions {
  /** Where to listen; by default where Xen's tools look. */
  readonly socket?: string;
  /** Who may connect besides root: a group, with these permissions of the socket's file. */
  readonly socketGroup?: string;
  readonly socketMode?: number;
  /** The group whose users may look at the store, at a socket of their own. */
  readonly socketRo?: string;
  /** Whether to serve a Xen host's domains; `auto` by default. */
  readonly xen?: XenChoice;
  /** The domain with all rights; the one with control of the host by default. */
  readonly privDomid?: number;
  /** The domain that this daemon runs in; the one that Xen holds for it by default. */
  readonly masterDomid?: number;
  /** The event channel of that domain's own ring; what its kernel says by default. */
  readonly eventPort?: number;
  /** Nodes of a dead domain fall to the privileged one instead of going. */
  readonly keepOrphans?: boolean;
  /** Quotas of new domains, where they are not the usual ones. */
  readonly quotas?: readonly QuotaSetting[];
  /** How long an event may wait to be read by its guest, in ms; 0 for ever. */
  readonly eventTimeout?: number;
  /** How much all that clients have us keep may take, in bytes of the memory model; 0 for no bound. */
  readonly memory?: number;
  /** What the store is to survive, and where it is kept; `crash` beside the socket by default. */
  readonly persist?: Persistence;
  readonly store?: string;
  readonly onDamage?: OnDamage;
  /** Paths, with `*` and `?`, of nodes that outlive a boot of the host. */
  readonly keep?: readonly string[];
  /** How much of what was done is kept; as much as is usual by default. */
  readonly history?: HistoryChoice | "off";
  /** What the program says of its version; "unknown" by default. */
  readonly version?: string;
  /** Log to syslog instead. */
  readonly syslog?: boolean;
  /** A file to hold our pid while we run, locked. */
  readonly pidFile?: string;
  /** Go on in the place of the daemon that was here before, in this process. */
  readonly liveUpdate?: boolean;
  /** Only try whether the state in this file could be taken over. */
  readonly liveUpdateCheck?: string;
  /** How we were called: what a next daemon is told, too; without it none can take our place. */
  readonly commandLine?: OwnCommandLine;
  readonly clock: Clock;
}
