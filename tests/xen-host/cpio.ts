/** Writes cpio archives in the "newc" format, which the Linux kernel unpacks as its first root. */

const BLOCK = 4;
const FILE = 0o100000;
const FOLDER = 0o040000;
const LINK = 0o120000;

export class CpioArchive {
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  readonly #paths = new Set<string>();
  #nextInode = 1;

  /** Whether the archive has something at this path, such as `/bin/sh`. */
  has(path: string): boolean {
    return this.#paths.has(path);
  }

  /** Adds an empty folder, and those above it; no change when it is there. */
  folder(path: string): void {
    if (path === "" || path === "/" || this.has(path)) return;
    this.folder(path.slice(0, path.lastIndexOf("/")));
    this.#entry(path, FOLDER | 0o755, new Uint8Array());
  }

  /** Adds a file, and the folders above it. */
  file(path: string, content: Uint8Array<ArrayBuffer> | string, mode = 0o644): void {
    this.folder(path.slice(0, path.lastIndexOf("/")));
    this.#entry(path, FILE | mode, typeof content === "string" ? encode(content) : content);
  }

  /** Adds a symbolic link, and the folders above it. */
  link(path: string, target: string): void {
    this.folder(path.slice(0, path.lastIndexOf("/")));
    this.#entry(path, LINK | 0o777, encode(target));
  }

  /** Writes the archive with its end mark; nothing can be added afterwards. */
  async write(destination: string): Promise<void> {
    this.#entry("/TRAILER!!!", 0, new Uint8Array());
    using file = await Deno.create(destination);
    const writer = file.writable.getWriter();
    for (const chunk of this.#chunks) await writer.write(chunk);
    await writer.close();
  }

  #entry(path: string, mode: number, content: Uint8Array<ArrayBuffer>): void {
    if (this.has(path)) throw new Error(`${path} is in the archive already`);
    this.#paths.add(path);
    const name = encode(`${path.slice(1)}\0`);
    const links = 1;
    const fields = [this.#nextInode++, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0];
    const numbers = [...fields, name.length, 0].map((n) => n.toString(16).padStart(8, "0"));
    const header = encode(`070701${numbers.join("")}`);
    this.#chunks.push(header, name, padding(header.length + name.length));
    this.#chunks.push(content, padding(content.length));
  }
}

function padding(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((BLOCK - length % BLOCK) % BLOCK);
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
