import type { CommitListener } from "../../engine/commit_listener.ts";
import type { HistoryStatus } from "../../engine/process_status.ts";
import type { State } from "../../engine/state.ts";
import type { History } from "../../history/history.ts";
import type { Purges } from "./purges.ts";

/** Work that nobody waits for: as a {@link Journal}'s. */
export interface Maintained {
  maintain(idle: boolean): boolean;
  readonly maintainAt: number;
  /** Turns have caused more of it than was done since: in the turn that follows busy clients wait. */
  readonly isBehind: boolean;
}

/** What keeps what was done: it is told of it, and works on it between turns. */
export interface DaemonHistory extends Maintained {
  readonly listener: CommitListener;
  /** Null while it cannot be used. */
  readonly history: History | null;
  /** What was asked to be taken out of it. */
  readonly purges: Purges;
  /** The state of which it is; told before the journal begins. */
  attach(state: State): void;
  /** What there is of it; null while it cannot be used. */
  status(): HistoryStatus | null;
  /** Gives up memory that it only keeps for reuse. */
  dropSpare(): void;
  /** After the journal's end. */
  close(): void;
}
