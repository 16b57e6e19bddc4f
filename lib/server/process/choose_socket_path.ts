/** Where Xen's tools look for the daemon. */
const STANDARD_RUN_DIRECTORY = "/var/run/xenstored";

/** What decides where the socket is. */
export interface Surroundings {
  env(name: string): string | undefined;
  uid(): number | null;
  /** Whether files can be made in the directory, or it can be made itself. */
  canUse(directory: string): boolean;
}

/** This process's surroundings. */
export const surroundings: Surroundings = {
  env: (name) => Deno.env.get(name),
  uid: () => Deno.uid(),
  canUse: (directory) => {
    try {
      Deno.mkdirSync(directory, { recursive: true, mode: 0o755 });
      Deno.removeSync(Deno.makeTempFileSync({ dir: directory, prefix: ".xs-" }));
      return true;
    } catch {
      return false;
    }
  },
};

/** Where the socket must be, and whether that is a way out (see {@link chooseSocketPath}). */
export interface SocketChoice {
  readonly path: string;
  /** Set when the standard place could not be used: it is for this user alone. */
  readonly isFallback: boolean;
  /** What named the place; without it, it is the usual one. */
  readonly named?: "--socket" | "XENSTORED_PATH" | "XENSTORED_RUNDIR";
  /** Nothing may be there yet, not even what a dead daemon left: that daemon may come again. */
  readonly isNew?: true;
}

/**
 * Where the daemon's socket is: what was asked for, XENSTORED_PATH, XENSTORED_RUNDIR/socket, the
 * standard place (as libxenstore has it); for users without rights there, a place of their own.
 */
export function chooseSocketPath(asked: string | undefined, around: Surroundings): SocketChoice {
  if (asked !== undefined) return { path: asked, isFallback: false, named: "--socket" };
  const fromEnvironment = around.env("XENSTORED_PATH");
  if (fromEnvironment !== undefined) {
    return { path: fromEnvironment, isFallback: false, named: "XENSTORED_PATH" };
  }
  const runDirectory = around.env("XENSTORED_RUNDIR");
  if (runDirectory !== undefined) {
    return { path: `${runDirectory}/socket`, isFallback: false, named: "XENSTORED_RUNDIR" };
  }
  const uid = around.uid();
  if (uid === 0 || around.canUse(STANDARD_RUN_DIRECTORY)) {
    return { path: `${STANDARD_RUN_DIRECTORY}/socket`, isFallback: false };
  }
  const own = around.env("XDG_RUNTIME_DIR") ?? `/tmp/xs-${uid}`;
  return { path: `${own}/xenstored/socket`, isFallback: true };
}
