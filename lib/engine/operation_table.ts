import { EROFS } from "../wire/errors.ts";
import { MessageType } from "../wire/message_type.ts";
import { control, readerControl, readOnlyControl } from "./operations/control.ts";
import * as domains from "./operations/domains.ts";
import * as features from "./operations/features.ts";
import * as nodes from "./operations/nodes.ts";
import type { Handler } from "./operations/outcome.ts";
import { setPerms } from "./operations/permissions.ts";
import * as quotas from "./operations/quotas.ts";
import * as transactions from "./operations/transactions.ts";
import * as watches from "./operations/watches.ts";

/** How a message type is served. */
export interface Operation {
  readonly handler: Handler;
  /** For the privileged domain only. */
  readonly privileged: boolean;
  /** The transaction id is not looked at. */
  readonly anyTransaction: boolean;
  /** Needs space in the store: refused with ENOSPC while there is none (State.full). */
  readonly needsSpace: boolean;
}

/** What makes the store grow or overwrites what is in it. TRANSACTION_END sees to itself. */
const NEEDS_SPACE: ReadonlySet<MessageType> = new Set([
  MessageType.WRITE,
  MessageType.MKDIR,
  MessageType.RM,
  MessageType.SET_PERMS,
  MessageType.INTRODUCE,
  MessageType.SET_TARGET,
  MessageType.SET_FEATURE,
  MessageType.SET_QUOTA,
]);

/** What changes the store or the domains it knows; a transaction only by these, CONTROL sees to itself. */
const CHANGES: ReadonlySet<number> = new Set([
  ...NEEDS_SPACE,
  MessageType.RELEASE,
  MessageType.RESUME,
]);

/** Their transaction id is not looked at. */
const ANY_TRANSACTION: ReadonlySet<number> = new Set([MessageType.WATCH, MessageType.UNWATCH]);

/** Indexed by message type; what is missing answers ENOSYS. */
export type Operations = readonly (Operation | undefined)[];

export const OPERATIONS: Operations = table();

/**
 * The same for a store that nobody can change. EROFS is the error of xs_wire.h that says so: EACCES would send the user to
 * look for rights that are missing.
 */
export const READ_ONLY_OPERATIONS: Operations = withoutChanges(readOnlyControl);

/** The same for a client that may only look at a store that others change: of CONTROL, too, it has only what shows. */
export const READER_OPERATIONS: Operations = withoutChanges(readerControl);

function withoutChanges(controlHandler: Handler): Operations {
  return OPERATIONS.map((operation, type) => {
    if (operation === undefined) return undefined;
    if (type === MessageType.CONTROL) return { ...operation, handler: controlHandler };
    return CHANGES.has(type) ? { ...operation, handler: () => EROFS } : operation;
  });
}

function table(): (Operation | undefined)[] {
  const operations: (Operation | undefined)[] = [];
  const add = (type: MessageType, handler: Handler, privileged = false): void => {
    const anyTransaction = ANY_TRANSACTION.has(type), needsSpace = NEEDS_SPACE.has(type);
    operations[type] = { handler, privileged, anyTransaction, needsSpace };
  };
  add(MessageType.DIRECTORY, nodes.directory);
  add(MessageType.READ, nodes.read);
  add(MessageType.GET_PERMS, nodes.getPerms);
  add(MessageType.TRANSACTION_START, transactions.start);
  add(MessageType.TRANSACTION_END, transactions.end);
  add(MessageType.GET_DOMAIN_PATH, domains.getDomainPath);
  add(MessageType.WRITE, nodes.write);
  add(MessageType.MKDIR, nodes.mkdir);
  add(MessageType.RM, nodes.remove);
  add(MessageType.SET_PERMS, setPerms);
  add(MessageType.WATCH, watches.watch);
  add(MessageType.UNWATCH, watches.unwatch);
  add(MessageType.RESET_WATCHES, watches.resetWatches);
  add(MessageType.DIRECTORY_PART, nodes.directoryPart);
  add(MessageType.GET_FEATURE, features.getFeature);
  add(MessageType.CONTROL, control, true);
  add(MessageType.INTRODUCE, domains.introduce, true);
  add(MessageType.RELEASE, domains.release, true);
  add(MessageType.IS_DOMAIN_INTRODUCED, domains.isIntroduced, true);
  add(MessageType.RESUME, domains.resume, true);
  add(MessageType.SET_TARGET, domains.setTarget, true);
  add(MessageType.SET_FEATURE, features.setFeature, true);
  add(MessageType.GET_QUOTA, quotas.getQuota, true);
  add(MessageType.SET_QUOTA, quotas.setQuota, true);
  return operations;
}
