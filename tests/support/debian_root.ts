/** A Debian 12 of its own, as a folder to chroot into: made once by debootstrap, and kept in build/. */
import { missingFile } from "./skip.ts";

const BUILD = new URL("../../build", import.meta.url).pathname;
/** Raise when what {@link debianRoot} makes changes, so that old ones are not used. */
const RECIPE = 1;

/** Why there can be none here; undefined where there can. */
export async function debianRootMissing(): Promise<string | undefined> {
  if (Deno.uid() !== 0) return "only root can chroot: run the tests as root";
  return await missingFile("/usr/sbin/debootstrap", "debootstrap");
}

/** Whether this machine lets root mount file systems: containers may not. */
export async function canMount(): Promise<boolean> {
  const folder = await Deno.makeTempDir();
  const { code } = await outcome("mount", ["-t", "tmpfs", "none", folder]);
  if (code === 0) await outcome("umount", [folder]);
  await Deno.remove(folder);
  return code === 0;
}

/** Runs a command to its end; what it said on both outputs. */
export async function outcome(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    env: { LC_ALL: "C", ...env },
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** @throws {Error} when the command fails, with what it said */
export async function must(command: string, ...args: readonly string[]): Promise<string> {
  const { code, text } = await outcome(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: status ${code}\n${text}`);
  return text;
}

/** Where the pristine root of that name is, with the packages that `include` names. */
export async function debianRoot(name: string, include: readonly string[]): Promise<string> {
  const folder = `${BUILD}/debian-${name}-${RECIPE}`;
  if (await Deno.stat(folder).then(() => true, () => false)) return folder;
  await Deno.mkdir(BUILD, { recursive: true });
  // Renamed only when complete: a run that was cut short leaves no half a root behind.
  const draft = `${folder}.${Deno.pid}`;
  try {
    const packages = `--include=${include.join(",")}`;
    await must("debootstrap", "--variant=minbase", packages, "bookworm", draft);
    for await (const { name } of Deno.readDir(`${draft}/var/cache/apt/archives`)) {
      if (name.endsWith(".deb")) await Deno.remove(`${draft}/var/cache/apt/archives/${name}`);
    }
    await Deno.rename(draft, folder);
  } catch (error) {
    await Deno.remove(draft, { recursive: true }).catch(() => {});
    throw error;
  }
  return folder;
}

/** A copy of a root that goes away with its user. */
export class DebianRoot implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async copyOf(pristine: string): Promise<DebianRoot> {
    const path = await Deno.makeTempDir({ dir: BUILD, prefix: "root-" });
    await must("cp", "-a", "--reflink=auto", `${pristine}/.`, path);
    await must("mount", "-t", "proc", "proc", `${path}/proc`);
    return new DebianRoot(path);
  }

  /** Runs a command inside. */
  async run(
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ code: number; text: string }> {
    return await outcome("chroot", [this.path, command, ...args], {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      DEBIAN_FRONTEND: "noninteractive",
      ...env,
    });
  }

  /** All paths, but for what dpkg notes of each run. */
  async files(): Promise<string[]> {
    const text = await must("find", this.path, "-xdev", "-printf", "/%P\n");
    return text.split("\n").filter((path) =>
      !/^\/(?:var\/(?:lib\/dpkg|log)|proc|tmp)\b|^$/.test(path)
    )
      .sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await must("umount", "--lazy", `${this.path}/proc`);
    await Deno.remove(this.path, { recursive: true });
  }
}
