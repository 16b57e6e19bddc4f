/** Real git, on repositories that go away. */
import { toText } from "../../lib/wire/text.ts";
import { makeScratch, type Scratch } from "./scratch.ts";
import { missingFile } from "./skip.ts";

/** Why git cannot be run here; undefined where it can. */
export const gitMissing: string | undefined = await missingFile("/usr/bin/git", "git");

/** A commit that a store's history became. */
export interface GitCommit {
  readonly hash: string;
  /** The number of the store's commit. */
  readonly number: number;
  readonly author: string;
  readonly email: string;
  /** In s since 1970. */
  readonly time: number;
  readonly subject: string;
}

/** What git has of nobody: neither the user's nor the machine's settings count. */
const ENV = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_PAGER: "cat",
  LC_ALL: "C",
  TZ: "UTC",
};

/** A repository. */
export class GitRepository implements AsyncDisposable {
  readonly #scratch: Scratch;
  readonly #blobs = new Map<string, string>();

  private constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  /** One that `git fast-import` makes of a stream, and `git fsck --strict` finds nothing wrong with. */
  static async of(stream: Uint8Array): Promise<GitRepository> {
    const repository = new GitRepository(await makeScratch("xs-git-"));
    await repository.git(["init", "-q"]);
    await repository.git(["fast-import", "--quiet"], stream);
    const found = await repository.git(["fsck", "--strict", "--no-dangling"]);
    if (found !== "") throw new Error(`git fsck: ${found}`);
    return repository;
  }

  get path(): string {
    return this.#scratch.path;
  }

  /** What a command of git prints, one character a byte. @throws {Error} when it fails */
  async git(args: readonly string[], stdin?: Uint8Array): Promise<string> {
    const child = new Deno.Command("git", {
      args: ["-C", this.path, ...args],
      env: ENV,
      stdin: stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const written = stdin === undefined ? null : write(child, stdin);
    const { code, stderr, stdout } = await child.output();
    await written;
    if (code === 0) return toText(stdout);
    throw new Error(`git ${args.join(" ")}: ${code}: ${toText(stdout)}${toText(stderr)}`);
  }

  /** All commits, the oldest first. */
  async commits(): Promise<GitCommit[]> {
    const trailer = "%(trailers:key=Xenstore-Commit,valueonly,separator=)";
    const format = `%H%x00%an%x00%ae%x00%at%x00${trailer}%x00%s`;
    const text = await this.git(["log", "--reverse", `--format=${format}`]);
    return text.trim().split("\n").map((line) => {
      const [hash = "", author = "", email = "", time, number, subject = ""] = line.split("\0");
      return { hash, author, email, time: Number(time), number: Number(number), subject };
    });
  }

  /** All files of a commit with their content, one character a byte. */
  async files(commit: string): Promise<Map<string, string>> {
    const files = new Map<string, string>();
    const lines = (await this.git(["ls-tree", "-r", "-z", commit])).split("\0").slice(0, -1);
    for (const line of lines) {
      const [head = "", path = ""] = line.split("\t"), blob = head.split(" ")[2]!;
      if (!this.#blobs.has(blob)) this.#blobs.set(blob, await this.git(["cat-file", "-p", blob]));
      files.set(path, this.#blobs.get(blob)!);
    }
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]();
  }
}

async function write(child: Deno.ChildProcess, bytes: Uint8Array): Promise<void> {
  const writer = child.stdin.getWriter();
  // It may have ended: what it said then is of more use.
  await writer.write(bytes).catch(() => {});
  await writer.close().catch(() => {});
}
