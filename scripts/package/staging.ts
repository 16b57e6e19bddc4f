/** The files of a package, as they will lie on a host, below a folder of this machine. */

const ROOT = new URL("../../", import.meta.url).pathname;

export class Staging {
  /** `values` stand for `@NAME@` in the texts. */
  constructor(readonly folder: string, readonly values: Readonly<Record<string, string>>) {}

  /** The text of a file of the project, with the values in it. */
  async template(source: string): Promise<string> {
    const text = await Deno.readTextFile(`${ROOT}${source}`);
    return text.replace(/@([A-Z]+)@/g, (_, name: string) => {
      const value = this.values[name];
      if (value === undefined) throw new Error(`${source}: @${name}@ stands for nothing`);
      return value;
    });
  }

  async text(path: string, text: string, mode = 0o644): Promise<void> {
    await this.bytes(path, new TextEncoder().encode(text), mode);
  }

  async bytes(path: string, bytes: Uint8Array, mode = 0o644): Promise<void> {
    await this.#folderOf(path);
    await Deno.writeFile(`${this.folder}${path}`, bytes);
    await Deno.chmod(`${this.folder}${path}`, mode);
  }

  /** A file of the project as it is. */
  async copy(source: string, path: string, mode = 0o644): Promise<void> {
    await this.#folderOf(path);
    await Deno.copyFile(source.startsWith("/") ? source : `${ROOT}${source}`, this.folder + path);
    await Deno.chmod(this.folder + path, mode);
  }

  /** The same, compressed as Debian wants it: without name and time. */
  async gzipped(path: string, text: string): Promise<void> {
    const args = ["-9", "-n", "-c"];
    const child = new Deno.Command("gzip", { args, stdin: "piped", stdout: "piped" }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
    const { success, stdout } = await child.output();
    if (!success) throw new Error("gzip failed");
    await this.bytes(`${path}.gz`, stdout);
  }

  async link(path: string, target: string): Promise<void> {
    await this.#folderOf(path);
    await Deno.symlink(target, this.folder + path);
  }

  async #folderOf(path: string): Promise<void> {
    const parts = path.split("/").slice(1, -1);
    for (let n = 1; n <= parts.length; n++) {
      const folder = `${this.folder}/${parts.slice(0, n).join("/")}`;
      await Deno.mkdir(folder, { mode: 0o755 }).catch((error) => {
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      });
      await Deno.chmod(folder, 0o755);
    }
  }
}
