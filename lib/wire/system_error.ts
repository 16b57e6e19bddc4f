/**
 * What the operating system says of a failed call, in plain words: the runtime's own texts
 * ("... (os error 2): open '/x'") must not reach a user.
 */

const words: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRINUSE: "the address is in use",
  EINVAL: "invalid argument",
  EIO: "input/output error",
  EISDIR: "it is a directory",
  EMFILE: "too many open files",
  ENOENT: "no such file or directory",
  ENOSPC: "no space left on the file system",
  ENOTDIR: "a part of the path is not a directory",
  EPERM: "operation not permitted",
  EROFS: "the file system is read-only",
};

/** The runtime's form; behind other words it is part of a text of ours. */
const SYSTEM = /^([A-Z][^:]*?) \(os error \d+\)(?:: \w+(?: '(.*?)'(?: -> '.*')?)?)?$/s;

/** Whether an error comes from the operating system. */
export function isSystemError(error: unknown): boolean {
  return error instanceof Error && SYSTEM.test(error.message);
}

/** The name of a system error (`ENOSPC`), or null for all other errors. */
export function systemErrorCode(error: unknown): string | null {
  if (!(error instanceof Error) || !isSystemError(error)) return null;
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" ? code : null;
}

/** Why a call failed, without the file that it was about; of other errors their message. */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [, text] = SYSTEM.exec(error.message) ?? [];
  if (text === undefined) return error.message;
  return words[systemErrorCode(error) ?? ""] ?? text.charAt(0).toLowerCase() + text.slice(1);
}

/** What a file had to be used for. */
export type FileAction = "read" | "write";

/** What a user can do about a file that cannot be used, by the error's name. */
const ADVICE: Readonly<Record<string, Readonly<Record<FileAction, string>>>> = {
  EACCES: { read: "a user who may read it is needed", write: "a user who may write it is needed" },
  EISDIR: { read: "name a file", write: "name a file" },
  ENOENT: { read: "name another file", write: "make its directory, or name another file" },
  ENOSPC: { read: "make room", write: "make room, or name a file elsewhere" },
  ENOTDIR: { read: "name another file", write: "name another file" },
  EROFS: { read: "name another file", write: "name a file elsewhere" },
};

/** Why a file cannot be used, with what to do about it or, where that is not known, the error's name. */
export function systemAdvice(error: unknown, action: FileAction): string {
  const code = systemErrorCode(error);
  if (code === null) return systemReason(error);
  return `${systemReason(error)} (${ADVICE[code]?.[action] ?? code})`;
}

/** The same with the file, where the runtime names one: `no such file or directory: /x`. */
export function systemMessage(error: unknown): string {
  const reason = systemReason(error);
  const path = error instanceof Error ? SYSTEM.exec(error.message)?.[2] : undefined;
  return path === undefined ? reason : `${reason}: ${path}`;
}

/** An option that cannot be followed: which one with its value, and why. */
export class OptionError extends Error {
  override readonly name = "OptionError";

  constructor(
    /** As typed: `--log-file /x`. */
    readonly option: string,
    readonly text: string,
  ) {
    super(`${option}: ${text}`);
  }
}

/** Opens or makes what `option` names; an error of the operating system tells of the option. */
export function forOption<T>(option: string, value: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new OptionError(`${option} ${value}`, systemAdvice(error, "write"));
  }
}
