import { OLD_VERSIONS_ALLOWANCE_BYTES } from "../limits.ts";
import { mayUseAll } from "./daemon_memory_limit.ts";
import type { Account } from "./accounts.ts";
import { costMax } from "./memory_model.ts";
import type { State } from "./state.ts";
import type { Transaction } from "./transaction.ts";

/**
 * Bounds what open transactions keep in memory of what others have replaced since: of a domain that
 * costs more than it may, and of all when the store takes more than `--memory`, the transaction that
 * keeps most is given up. Its client sees EAGAIN, as for any other conflict. To be called when what
 * is pinned has grown.
 */
export function limitOldVersions(state: State, now: number): void {
  const open = [...openTransactions(state)].sort((a, b) => b.pinned - a.pinned);
  for (const transaction of open) {
    if (transaction.pinned === 0) return;
    const { account, privileged } = transaction.connection;
    if (account === null) continue;
    const isOver = !privileged && exceedsOwn(state, account, transaction) ||
      state.memory.exceeded(mayUseAll(transaction.connection), 0);
    if (isOver) giveUp(state, transaction, now);
  }
}

function* openTransactions({ connections }: State): Generator<Transaction> {
  for (const { transactions } of connections) yield* transactions.values();
}

/** The quarter that {@link costMax} adds to the quota is for nodes and watches, not for old versions. */
function exceedsOwn(state: State, account: Account, { connection }: Transaction): boolean {
  const quotas = state.domains.quotasOf(connection), { cost, pinned } = account;
  if (cost > costMax(quotas)) return true;
  const quota = quotas.get("memory");
  return quota !== 0 && cost > quota && pinned > OLD_VERSIONS_ALLOWANCE_BYTES;
}

function giveUp(state: State, transaction: Transaction, now: number): void {
  const { connection, id, pinned } = transaction;
  state.giveUpTransaction(transaction);
  state.tell(
    "warning",
    connection.domid,
    now,
    () =>
      `EAGAIN for transaction ${id} of ${connection.label}: it kept ${pinned} bytes in memory that ` +
      "others have replaced since it began",
  );
}
