/** Leaves a socket at `path` behind which nobody listens any more. */
export async function makeStaleSocket(path: string): Promise<void> {
  const listener = Deno.listen({ transport: "unix", path: `${path}.listening` });
  // Closing removes the file under the name it was made with.
  await Deno.rename(`${path}.listening`, path);
  listener.close();
}
