import type { Clock } from "../../clock.ts";
import type { QuotaSetting } from "../../engine/quotas.ts";
import type { LogOptions } from "../logging/log.ts";
import type { OwnCommandLine } from "../live_update/command_line.ts";
import type { OnDamage, Persistence } from "../persistence/persistence.ts";
import type { HistoryChoice } from "../history/history_file.ts";
import type { TraceOptions } from "../logging/trace_options.ts";
import type { XenChoice } from "../xen/world.ts";

/** The options of `xs serve`. */
export interface ServeOptions extends TraceOptions, LogOptions {
  /** The path to listen on; by default the one that Xen's tools use. */
  readonly socket?: string;
  /** The group that may connect besides root, and the mode of the socket's file. */
  readonly socketGroup?: string;
  readonly socketMode?: number;
  /** The group whose users may read the store, through a socket of their own. */
  readonly socketRo?: string;
  /** Whether to serve a Xen host's domains; `auto` by default. */
  readonly xen?: XenChoice;
  /** The domain with all rights; the control domain by default. */
  readonly privDomid?: number;
  /** The domain that this daemon runs in; by default as Xen reports it. */
  readonly masterDomid?: number;
  /** The event channel of that domain's own ring; by default as its kernel reports it. */
  readonly eventPort?: number;
  /** Whether the privileged domain gets the nodes of dead domains; by default they are removed. */
  readonly keepOrphans?: boolean;
  /** Quotas of new domains that differ from the usual ones. */
  readonly quotas?: readonly QuotaSetting[];
  /** How long an event waits for its guest to read it, in ms; 0 for ever. */
  readonly eventTimeout?: number;
  /** The most that the daemon keeps for clients, in bytes of the memory model; 0 for no bound. */
  readonly memory?: number;
  /** What the store survives, and its file; `crash` and beside the socket by default. */
  readonly persist?: Persistence;
  readonly store?: string;
  readonly onDamage?: OnDamage;
  /** Patterns (`*`, `?`, `**`) of the paths of nodes that stay when the host boots. */
  readonly keep?: readonly string[];
  /** The bounds of the history; the usual ones by default. */
  readonly history?: HistoryChoice | "off";
  /** The version of the program; "unknown" by default. */
  readonly version?: string;
  /** Log to syslog instead. */
  readonly syslog?: boolean;
  /** A file with our pid, locked while we run. */
  readonly pidFile?: string;
  /** Take over from the previous daemon in this process. */
  readonly liveUpdate?: boolean;
  /** Only check whether the state in this file can be taken over. */
  readonly liveUpdateCheck?: string;
  /** Our own command line, which the next daemon gets, too; without it no live update is possible. */
  readonly commandLine?: OwnCommandLine;
  readonly clock: Clock;
}
