import { keepOnExec, setNonblocking } from "../../../ffi/exec.ts";
import { SystemCallError } from "../../../ffi/libc.ts";
import { boundPath, checkListening } from "../../../ffi/unix_socket.ts";
import { attempt, directoryOf, nameOf } from "../../files.ts";
import { PREFIX } from "../supervision/passed_connections.ts";
import type { Variables } from "../supervision/inherited_descriptors.ts";
import { ListeningSocket } from "./listening_socket.ts";

/** The first descriptor that a service manager hands over (sd_listen_fds(3)). */
const LISTEN_FDS_START = 3;

/** Says, by its pid, to a program that takes this process's place that its socket is another's. */
const ACTIVATED = "XS_ACTIVATED";

/**
 * The listening socket that a service manager made for us and handed over (LISTEN_FDS, with a socket
 * unit): null where there is none at `path`. Its file is the manager's: it stays when we end. To be called before
 * the holder's descriptors are taken, which removes the variables.
 */
export function takeActivated(env: Variables & EnvSetter, path: string): ListeningSocket | null {
  if (env.get("LISTEN_PID") !== String(Deno.pid)) return null;
  const count = Number(env.get("LISTEN_FDS") ?? 0);
  for (let fd = LISTEN_FDS_START; fd < LISTEN_FDS_START + count; fd++) {
    if (!listens(fd) || isOurs(env, fd) || !isSamePlace(boundPath(fd), path)) continue;
    setNonblocking(fd, true);
    keepOnExec(fd, false);
    env.set(ACTIVATED, String(Deno.pid));
    return new ListeningSocket(path, fd, true);
  }
  return null;
}

interface EnvSetter {
  set(name: string, value: string): void;
}

/** Whether the socket that the program before us in this process had was handed over to it. */
export function wasActivated(env: Variables): boolean {
  return env.get(ACTIVATED) === String(Deno.pid);
}

function listens(fd: number): boolean {
  try {
    checkListening(fd);
    return true;
  } catch (error) {
    if (error instanceof SystemCallError) return false;
    throw error;
  }
}

/** Whether a descriptor is one that an earlier daemon has stored. */
function isOurs(env: Variables, fd: number): boolean {
  const name = (env.get("LISTEN_FDNAMES") ?? "").split(":")[fd - LISTEN_FDS_START] ?? "";
  return name.startsWith(PREFIX);
}

/** /var/run is a link to /run: the manager and we may name it differently. */
function isSamePlace(bound: string | null, path: string): boolean {
  if (bound === path) return true;
  if (bound === null) return false;
  const areSame = (): boolean =>
    nameOf(bound) === nameOf(path) &&
    Deno.realPathSync(directoryOf(bound)) === Deno.realPathSync(directoryOf(path));
  return attempt(areSame, false);
}
