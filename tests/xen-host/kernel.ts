/** What is made of Debian's kernel packages: an unpacked kernel, and a module of our own. */

import { run } from "./command.ts";

/** Offsets in the head of a bzImage: Linux, Documentation/arch/x86/boot.rst. */
const SETUP_SECTORS = 0x1f1;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const SECTOR = 512;
/** The payload ends in its unpacked size, which is no part of the xz stream. */
const SIZE_WORD = 4;

/** Takes the ELF kernel out of a bzImage that was packed with xz, as Debian's are. */
export async function unpackKernel(vmlinuz: string, vmlinux: string): Promise<void> {
  const image = await Deno.readFile(vmlinuz);
  const head = new DataView(image.buffer);
  const start = (head.getUint8(SETUP_SECTORS) + 1) * SECTOR + head.getUint32(PAYLOAD_OFFSET, true);
  const length = head.getUint32(PAYLOAD_LENGTH, true) - SIZE_WORD;
  const packed = `${vmlinux}.xz`;
  await Deno.writeFile(packed, image.subarray(start, start + length));
  await run("xz", ["--decompress", "--force", packed]);
}

/** Compiles the module of guest/ring_vandal.c for a kernel whose headers were unpacked in `root`. */
export async function buildRingVandal(
  root: string,
  kernel: string,
  destination: string,
): Promise<void> {
  const sources = `${root}/usr/src`;
  const common = `linux-headers-${kernel.replace(/-[a-z]\w*$/, "-common")}`;
  const headers = `${sources}/linux-headers-${kernel}`;
  // Debian's file names the absolute path that it would have when installed.
  await Deno.writeTextFile(`${headers}/Makefile`, `include ${sources}/${common}/Makefile\n`);
  const work = await Deno.makeTempDir({ prefix: "ring_vandal." });
  try {
    const source = new URL("guest/ring_vandal.c", import.meta.url);
    await Deno.copyFile(source, `${work}/ring_vandal.c`);
    await Deno.writeTextFile(`${work}/Makefile`, "obj-m := ring_vandal.o\n");
    await run("make", ["-C", headers, `M=${work}`, "CC=gcc", "modules"]);
    await Deno.copyFile(`${work}/ring_vandal.ko`, destination);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}
