/** Which version a package is, and of what time: both follow from the commit alone. */
import project from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url).pathname;

export interface Release {
  /** As Debian sorts it: `0.1.0+git20261127181500.ab80373844-1`; a later commit is a newer version. */
  readonly version: string;
  /** When the commit was made, in seconds since 1970: the time of all files of a package. */
  readonly epoch: number;
  /** `Name <address>` of the commit's author. */
  readonly maintainer: string;
}

async function git(...args: string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command("git", { args, cwd: ROOT, stderr: "inherit" })
    .output();
  if (!success) throw new Error("packages are made from a git checkout");
  return new TextDecoder().decode(stdout).trim();
}

/** The release that the checkout is; files that differ from its commit make it another one. */
export async function release(): Promise<Release> {
  const [hash, epoch, maintainer] =
    (await git("log", "-1", "--format=%h%n%ct%n%an <%ae>", "--abbrev=10")).split("\n");
  const isClean = await git("status", "--porcelain", "--untracked-files=no") === "";
  const time = new Date(Number(epoch) * 1000).toISOString().replace(/\D/g, "").slice(0, 14);
  const version = `${project.version}+git${time}.${hash}${isClean ? "" : ".changed"}-1`;
  return { version, epoch: Number(epoch), maintainer: maintainer! };
}
