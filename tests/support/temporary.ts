/** Temporary files of this process and its children are made in `folder`, until it is disposed of. */
export function temporaryIn(folder: string): Disposable {
  const before = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", folder);
  return {
    [Symbol.dispose]: () => {
      if (before === undefined) Deno.env.delete("TMPDIR");
      else Deno.env.set("TMPDIR", before);
    },
  };
}
