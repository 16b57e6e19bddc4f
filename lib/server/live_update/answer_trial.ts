import { check } from "../../engine/recount.ts";
import { NO_ACTIONS } from "../../engine/daemon_actions.ts";
import { State } from "../../engine/state.ts";
import { DOMAIN_EXISTS } from "../../engine/domain_control.ts";
import { OK } from "../../wire/errors.ts";
import { adoptTree } from "../../persist/adopt_tree.ts";
import { build } from "../../persist/build_state.ts";
import { collectAll } from "../../state/checked_records.ts";
import { decodeStream } from "../../codec/stream.ts";
import { HandOverError } from "./hand_over.ts";
import { readStateFile, stateFileOf, trialFileOf } from "./state_file.ts";
import { TAKES_HELD, trialAnswer } from "./trial.ts";

/**
 * `xs serve --live-update-check FILE`: reads a state as if to take it over, builds a store of it, and
 * releases it all. Returns the lines that say that it could be, and what else.
 *
 * @param socket where this daemon would listen
 * @throws {Error} that says why not.
 */
export function answerTrial(file: string, socket: string): string {
  const place = stateFileOf(socket);
  if (file !== trialFileOf(place)) {
    throw new HandOverError(
      `it looks for the state in ${place}, not beside ${file} ` +
        "(--socket and XENSTORED_RUNDIR must be those of the daemon that runs)",
    );
  }
  const bytes = readStateFile(file);
  const { count, records } = decodeStream(bytes);
  const state = new State({
    domains: {
      info: (domid) => ({ domid, state: DOMAIN_EXISTS, uniqueId: 0n }),
      open: () => OK,
      reset: () => {},
      close: () => {},
    },
    admin: NO_ACTIONS,
  });
  const all = collectAll(records);
  adoptTree(state, all.tree);
  build(state, all, { asksDomains: false, openRing: () => true, openSocket: () => null });
  const [finding] = check(state);
  if (finding !== undefined) throw new HandOverError(`its own store: ${finding}`);
  return `${trialAnswer({ bytes: bytes.length, records: count })}\n${TAKES_HELD}`;
}
