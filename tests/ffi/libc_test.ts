/** The C library's functions are opened in groups, each when it is first used. */
import { assertEquals, assertThrows } from "@std/assert";
import { ENOENT, libc, LibcError, libcGroup } from "../../ffi/libc.ts";

type Module = typeof import("../../ffi/libc.ts");

/** The module as a new process finds it, with the functions of each group that it opens. */
async function fresh(
  name: string,
  use: (module: Module, opened: readonly string[][]) => void,
): Promise<void> {
  const module = await import(`../../ffi/libc.ts?${name}`) as Module;
  const opened: string[][] = [];
  const { dlopen } = Deno;
  Deno.dlopen = (library, symbols) => {
    opened.push(Object.keys(symbols));
    return dlopen(library, symbols);
  };
  try {
    use(module, opened);
  } finally {
    Deno.dlopen = dlopen;
  }
}

Deno.test("each group of the C library's functions can be opened here", () => {
  for (const group of Object.values(libc)) group();
});

Deno.test("a group is opened when it is first used, and no other with it", async () => {
  await fresh("lazy", ({ libc }, opened) => {
    assertEquals(opened, []);
    libc.files().close(-1);
    libc.files().close(-1);
    assertEquals(opened.map(([first]) => first), ["__errno_location", "open"]);
    libc.polling();
    assertEquals(opened.length, 3);
  });
});

Deno.test("the first call that fails tells why: nothing is opened between it and errno", async () => {
  await fresh("errno", ({ errno, libc }, opened) => {
    const path = new TextEncoder().encode("/nowhere/at/all\0");
    assertEquals(libc.files().open(path, 0), -1);
    const before = opened.length;
    assertEquals(errno(), ENOENT);
    assertEquals(opened.length, before);
  });
});

Deno.test("a function that the library lacks fails its group by name, and no other", () => {
  const flying = libcGroup("fly", {
    close: { parameters: ["i32"], result: "i32" },
    xs_spread_wings: { parameters: [], result: "i32" },
  });
  const message = "cannot fly: libc.so.6 has no xs_spread_wings (glibc 2.27 or later is needed)";
  for (let i = 0; i < 2; i++) assertThrows(() => flying(), LibcError, message);
  assertEquals(libc.files().close(-1), -1);
});
