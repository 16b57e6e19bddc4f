import type { Client } from "../../lib/client/client.ts";
import { parsePermission } from "../../lib/client/perms.ts";

/** Indentations, name lengths and value lengths around the 80 columns and the permissions' 60. */
function* widths(): Generator<[string, string]> {
  for (const name of ["n", "n".repeat(30), "n".repeat(71), "n".repeat(72), "n".repeat(90)]) {
    for (const total of [50, 51, 52, 53, 71, 72, 73]) {
      const length = Math.max(0, total - name.length);
      yield [`/widths/${name}-${total}`, "v".repeat(length)];
      yield [`/widths/in/${name}-${total}`, "\t".repeat(Math.min(length, 40))];
    }
  }
}

/**
 * Values and shapes that a tool may get wrong, on an empty store.
 *
 * @param width children of the widest node; more than 400 do not fit one message.
 */
export async function fillStore(client: Client, width = 700): Promise<void> {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  const writes: [string, Uint8Array | string][] = [
    ["/awkward/all", all],
    ["/awkward/empty", ""],
    ["/awkward/text", 'a "quoted" \\ value'],
    ["/awkward/utf8", "h\u00e9 \u{1f427}"],
    ["/awkward/long", "long ".repeat(400)],
    ["/awkward/nul", "\0"],
    ["/awkward/newline", "\n"],
    ["/small/a", "1"],
    ["/small/b/c", "2"],
    ["relative/x", "3"],
    ["/tidy/a/b/c", "x"],
    ["/tidy/full", "kept"],
    ["/tidy/full/b", ""],
    ["/tidy/two/a", ""],
    ["/tidy/two/b", ""],
    ["/tidy/nul", "\0kept?"],
    ["/tidy/nul/a", ""],
    ["/lonely", ""],
    ["/perms/a/b/c", ""],
    ["/perms/d", ""],
    [`/perms-${"x".repeat(300)}/k/j`, ""],
    [`/deep/${Array.from({ length: 100 }, (_, i) => `d${i}`).join("/")}`, "bottom"],
    ...widths(),
  ];
  for (let i = 0; i < width; i++) writes.push([`/many/child-${i}`, ""]);
  await Promise.all(writes.map(([path, value]) => client.write(path, value)));
  await client.setPerms("/perms/a", ["r0", "b1", "n2", "w65000"].map(parsePermission));
}

/** Every node with its value and permissions, in the daemon's order. */
export async function dumpStore(client: Client): Promise<string[]> {
  const lines: string[] = [];
  const open = ["/"];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const here = path;
    const [value, perms, names] = await Promise.all([
      client.read(here),
      client.getPerms(here),
      client.directory(here),
    ]);
    lines.push(`${here} ${value.toHex()} ${JSON.stringify(perms)}`);
    open.push(...names.reverse().map((name) => `${here === "/" ? "" : here}/${name}`));
  }
  return lines;
}
