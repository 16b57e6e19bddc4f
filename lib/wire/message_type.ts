/**
 * Message types of the Xenstore wire protocol (public header xs_wire.h, xenstore.txt).
 *
 * 20 was RESTRICT and is no longer valid; 15 and 16 are sent by the server only.
 */
export const MessageType = {
  CONTROL: 0,
  DIRECTORY: 1,
  READ: 2,
  GET_PERMS: 3,
  WATCH: 4,
  UNWATCH: 5,
  TRANSACTION_START: 6,
  TRANSACTION_END: 7,
  INTRODUCE: 8,
  RELEASE: 9,
  GET_DOMAIN_PATH: 10,
  WRITE: 11,
  MKDIR: 12,
  RM: 13,
  SET_PERMS: 14,
  WATCH_EVENT: 15,
  ERROR: 16,
  IS_DOMAIN_INTRODUCED: 17,
  RESUME: 18,
  SET_TARGET: 19,
  RESET_WATCHES: 21,
  DIRECTORY_PART: 22,
  GET_FEATURE: 23,
  SET_FEATURE: 24,
  GET_QUOTA: 25,
  SET_QUOTA: 26,
} as const;

/** The number of a message type. */
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** Requests whose first word is a path. */
export const WITH_PATH: ReadonlySet<number> = new Set([
  MessageType.DIRECTORY,
  MessageType.DIRECTORY_PART,
  MessageType.READ,
  MessageType.GET_PERMS,
  MessageType.SET_PERMS,
  MessageType.WATCH,
  MessageType.UNWATCH,
  MessageType.WRITE,
  MessageType.MKDIR,
  MessageType.RM,
]);

const names: string[] = [];
for (const [name, type] of Object.entries(MessageType)) names[type] = name;

/** The name of a message type as the trace file prints it, `TYPE-n` when there is none. */
export function messageTypeName(type: number): string {
  return names[type] ?? `TYPE-${type}`;
}
