/**
 * Where test files live: in memory where that can be had, as the daemon's own do in /run. On a
 * busy disk a write can take seconds, which tests would take for a daemon that hangs.
 */
function temporary(): string {
  try {
    Deno.removeSync(Deno.makeTempDirSync({ dir: "/dev/shm" }));
    return "/dev/shm";
  } catch {
    return Deno.env.get("TMPDIR") ?? "/tmp";
  }
}

/** A folder that goes away with its user. */
export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

export async function makeScratch(prefix = "xs-test-"): Promise<Scratch> {
  const path = await Deno.makeTempDir({ dir: temporary(), prefix });
  return {
    path,
    async [Symbol.asyncDispose](): Promise<void> {
      await Deno.remove(path, { recursive: true });
    },
  };
}
