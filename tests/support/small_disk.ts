/** A file system of so many MB (10) of its own; null where we have no right to mount one. */
export async function smallDisk(path: string, megabytes = 10): Promise<AsyncDisposable | null> {
  const run = async (command: string, ...args: string[]): Promise<boolean> =>
    (await new Deno.Command(command, { args, stderr: "null" }).output()).success;
  const size = `size=${megabytes}m`;
  if (!await run("mount", "-t", "tmpfs", "-o", size, "none", path)) return null;
  return { [Symbol.asyncDispose]: async () => void await run("umount", "-l", path) };
}

/** Takes all the space there is. */
export function fillUp(path: string): void {
  using file = Deno.openSync(path, { write: true, create: true });
  const block = new Uint8Array(65_536);
  try {
    for (;;) if (file.writeSync(block) < block.length) return;
  } catch (error) {
    if (!/No space left/.test(`${error}`)) throw error;
  }
}
