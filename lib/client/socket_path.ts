import { attempt, statOf, textOf } from "../files.ts";
/** Where the standard socket is when nothing else is said (libxenstore, 4.17 and later). */
const STANDARD_RUN_DIR = "/var/run/xenstored";

/** What a domain may do, as its kernel tells. */
const CAPABILITIES = "/proc/xen/capabilities";

/** A Xenstore stub domain's number is here, in place of a daemon's pid (init-xenstore-domain). */
const DAEMON_PID = "/var/run/xen/xenstored.pid";

/** The devices by which a guest's kernel offers its ring, in libxenstore's order. */
const DEVICES = ["/dev/xen/xenbus", "/proc/xen/xenbus"] as const;

/** What of the surroundings decides where the daemon is. */
export interface Surroundings {
  env(name: string): string | undefined;
  exists(path: string): boolean;
  /** Whether the folder that a file may be in cannot be searched: then the file cannot be used, if it is there. */
  hidden(path: string): boolean;
  /** The user that a file belongs to; null when there is no such file. */
  owner(path: string): number | null;
  uid(): number | null;
  /** What is in a small file; null when it cannot be read. */
  text(path: string): string | null;
}

/** This process's surroundings. */
export const surroundings: Surroundings = {
  env: (name) => Deno.env.get(name),
  exists: (path) => {
    try {
      Deno.statSync(path);
      return true;
    } catch (error) {
      // A folder that may not be searched hides whether the socket is there: it may well be.
      return error instanceof Deno.errors.PermissionDenied;
    }
  },
  hidden: (path) => {
    try {
      Deno.statSync(path);
      return false;
    } catch (error) {
      return error instanceof Deno.errors.PermissionDenied;
    }
  },
  owner: (path) => statOf(path)?.uid ?? null,
  // Without the permission (--allow-sys) the user id is unknown, so no own daemon can be found.
  uid: () => attempt(() => Deno.uid(), null),
  text: textOf,
};

/** The socket as libxenstore and the stock tools name it: the two variables, else the standard. */
export function standardSocketPath(env: Surroundings["env"]): string {
  return env("XENSTORED_PATH") ?? `${env("XENSTORED_RUNDIR") ?? STANDARD_RUN_DIR}/socket`;
}

/** The socket that a daemon started by an ordinary user, with no options, listens on. */
export function userSocketPath(around: Surroundings): string {
  const run = around.env("XDG_RUNTIME_DIR") ?? `/tmp/xs-${around.uid() ?? 0}`;
  return `${run}/xenstored/socket`;
}

/**
 * The device through which the daemon can be reached from here, if there is one. In the control
 * domain the kernel's ring leads back to the daemon of this very domain: without it every request
 * would wait for ever. Only a Xenstore stub domain is reached through it.
 */
function usableDevice(around: Surroundings): string | undefined {
  const isControl = around.text(CAPABILITIES)?.includes("control_d") ?? false;
  if (isControl && !/^domid:\d/.test(around.text(DAEMON_PID) ?? "")) return undefined;
  return DEVICES.find((path) => around.exists(path));
}

/**
 * Where to find the daemon, best first; `xs` connects to the first.
 *
 * An explicit path, XENSTORED_PATH and XENSTORED_RUNDIR are taken at their word. Otherwise the
 * standard socket, the daemon of a user other than root and, outside of the control domain, the
 * guest's device are tried in turn, and when none is there the standard socket is named, so that the error speaks of it.
 */
export function findSocket(explicit: string | undefined, around: Surroundings): string {
  if (explicit !== undefined) return explicit;
  const standard = standardSocketPath(around.env);
  const fromEnvironment = around.env("XENSTORED_PATH") ?? around.env("XENSTORED_RUNDIR");
  // A daemon that may not use the standard folder is at its user's own place (serve, chooseSocketPath).
  const isThere = around.exists(standard);
  if (fromEnvironment !== undefined || isThere && !around.hidden(standard)) return standard;
  const own = userSocketPath(around);
  const uid = around.uid();
  // Anyone may make a folder in /tmp: only a socket of this user's own is this user's daemon.
  if (uid !== 0 && uid !== null && around.owner(own) === uid) return own;
  return isThere ? standard : usableDevice(around) ?? standard;
}

/**
 * The paths that the stock tools try in turn: the socket, then XENSTORED_PATH again or the
 * guest's device (libxenstore, `xs_open`), which in the control domain would wait for ever.
 */
export function stockPaths(around: Surroundings): [string, string?] {
  const standard = standardSocketPath(around.env);
  const fromEnvironment = around.env("XENSTORED_PATH");
  if (fromEnvironment !== undefined) return [standard, fromEnvironment];
  const device = usableDevice(around);
  if (device !== undefined) return [standard, device];
  // Neither is there, or neither may be used: the error is that of the last one tried.
  return DEVICES.some((path) => around.exists(path)) ? [standard] : [standard, DEVICES[1]];
}
