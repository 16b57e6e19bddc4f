import type { Draft } from "../store/draft.ts";
import { emptyWalk, walk } from "../store/lookup.ts";
import { findChange } from "./conflict.ts";
import { merge } from "./merge.ts";
import type { Transaction } from "./transaction.ts";

/**
 * Before a transaction that reserves looks at `path`: what was changed there since its snapshot would
 * refuse its commit. All that it has seen before it has reserved, so its snapshot moves to the tree as
 * it is now, unless a client that need not wait has changed some of that.
 */
export function refresh(transaction: Transaction, committed: Draft, path: string): void {
  const { base, draft } = transaction;
  const { root } = committed;
  if (base === null || base === root) return;
  const before = walk(base, path, emptyWalk(base));
  const now = walk(root, path, emptyWalk(root));
  if (before.node === now.node && before.above === now.above) return;
  if (findChange(transaction, root) !== null) return;
  if (draft === null) return transaction.moveOn(null, transaction.accounts);
  const merged = merge(transaction, committed);
  transaction.moveOn(merged.draft, merged.accounts);
}
