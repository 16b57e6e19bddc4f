/** What a package must say of the program in it. */

/** The newest version of the C library that the program asks for. */
export async function neededGlibc(binary: string): Promise<string> {
  const bytes = new TextDecoder("latin1").decode(await Deno.readFile(binary));
  const versions = [...bytes.matchAll(/\0GLIBC_2\.(\d+)(?:\.\d+)?(?=\0)/g)]
    .map(([, minor]) => Number(minor));
  if (versions.length === 0) throw new Error(`${binary} names no version of the C library`);
  return `2.${Math.max(...versions)}`;
}
