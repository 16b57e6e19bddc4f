/** What was asked for, or happened. New ones go to the end: files have their positions. */
export const KINDS = [
  "write",
  "mkdir",
  "rm",
  "set-perms",
  "transaction",
  "request",
  "introduce",
  "release",
  "resume",
  "set-target",
  "death",
  "features",
  "quota",
  "setting",
  "restore",
  "start",
  "repair",
  "pruned",
] as const;
export type Kind = typeof KINDS[number];
