import type { Accounts } from "../engine/accounts.ts";
import { recount, recountOthers } from "../engine/recount.ts";
import type { State } from "../engine/state.ts";
import type { Draft } from "../store/draft.ts";

/** Gives a fresh state the nodes of a tree that was made apart. Nothing is marked for the journal. */
export function adoptTree(state: State, draft: Draft): void {
  state.versions.follow(draft.versions);
  state.tree.adopt(draft);
  setNodeCounters(state, recount(state));
}

/** Puts a tree in the place of a living state's own; `counted` has what its nodes cost. */
export function replaceTree(state: State, draft: Draft, counted: Accounts): void {
  recountOthers(state, counted);
  setNodeCounters(state, counted);
  state.tree.adopt(draft);
}

/** The counters of nodes are those counted; all else that is counted stays as it is. */
function setNodeCounters({ accounts }: State, counted: Accounts): void {
  for (const domid of new Set([...accounts.domids(), ...counted.domids()])) {
    const account = accounts.of(domid), { now } = counted.of(domid);
    account.add("nodes", now.nodes - account.now.nodes);
    account.add("memory", now.memory - account.now.memory);
  }
  for (const domid of new Set([...accounts.mentioned(), ...counted.mentioned()])) {
    accounts.setMentions(domid, counted.mentionsOf(domid));
  }
}
