const BUILD = new URL("../../build", import.meta.url).pathname;

/** What has been built in this process, by source. */
const built = new Map<string, Promise<string>>();

/** Compiles a C file, which may include `headers`, to a shared library, once in a process; returns its path. */
export function buildLibrary(source: string, ...headers: readonly string[]): Promise<string> {
  const known = built.get(source);
  if (known !== undefined) return known;
  const library = build(source, headers);
  built.set(source, library);
  return library;
}

async function build(source: string, headers: readonly string[]): Promise<string> {
  const texts = await Promise.all([source, ...headers].map((file) => Deno.readFile(file)));
  const hash = await crypto.subtle.digest("SHA-256", await new Blob(texts).arrayBuffer());
  const name = source.slice(source.lastIndexOf("/") + 1).replace(/\.c$/, "");
  const file = `${BUILD}/${name}-${new Uint8Array(hash).toHex().slice(0, 16)}.so`;
  await Deno.mkdir(BUILD, { recursive: true });
  // Renamed into place, because another process may be building it too.
  const partial = `${file}.${Deno.pid}`;
  await runCommand("gcc", ["-O2", "-Wall", "-shared", "-fPIC", "-o", partial, source]);
  await Deno.rename(partial, file);
  return file;
}

/** Runs a command to its end; throws what it complains of when it fails. */
export async function runCommand(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  if (!success) throw new Error(`${command}:\n${new TextDecoder().decode(stderr)}`);
}
