import { OptionError, systemReason } from "../../wire/system_error.ts";

/** Who may connect, besides root. */
export interface SocketAccess {
  /** The group of the socket's file, by name or number. */
  readonly group?: string;
  /** The file's permissions. */
  readonly mode?: number;
}

/** Of a socket that is for a group. */
const GROUP_MODE = 0o660;

/**
 * Lets others connect to the socket at `path`; where nothing is said of them, its file stays as it is.
 * To be called once it listens: it is created for its own user alone.
 *
 * @param option what names the group, for errors
 * @throws {OptionError} when there is no such group, or the file cannot be changed
 */
export function allowAccess(path: string, { group, mode }: SocketAccess, option: string): void {
  if (group === undefined && mode === undefined) return;
  const object = group === undefined ? "--socket-mode" : `${option} ${group}`;
  try {
    if (group !== undefined) Deno.chownSync(path, null, numberOf(group, object));
    Deno.chmodSync(path, mode ?? GROUP_MODE);
  } catch (error) {
    if (error instanceof OptionError) throw error;
    throw new OptionError(object, `cannot change the socket's file: ${systemReason(error)}`);
  }
}

/** The number of a group (group(5)). */
function numberOf(group: string, object: string): number {
  if (/^\d{1,9}$/.test(group)) return Number(group);
  const lines = Deno.readTextFileSync("/etc/group").split("\n");
  const number = lines.map((line) => line.split(":")).find(([name]) => name === group)?.[2];
  if (number !== undefined && /^\d+$/.test(number)) return Number(number);
  throw new OptionError(object, "no such group (create it with groupadd, or name another)");
}
