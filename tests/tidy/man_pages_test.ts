/** The manual pages can be made of the commands and of docs/: a heading that is renamed there is missing here. */
import { assertEquals } from "@std/assert";
import { commands } from "../../cmd/command_list.ts";
import { manPages } from "../../scripts/man/pages.ts";

const pages = await manPages({ date: "2026-01-01", version: "0.1.0" });

Deno.test("each command has a page, beside those of xs, xenstored-xs and xs-history", () => {
  const names = commands.map(({ docs }) => `xs-${docs.name}.1`);
  const others = ["xs.1", "xenstored-xs.8", "xs-history.7"];
  assertEquals([...pages.keys()].sort(), [...names, ...others].sort());
});

Deno.test("no page shows marks of Markdown", () => {
  for (const [name, text] of pages) {
    const left = text.split("\n").find((line) => /`|\*\*\w|\]\(|^\|/.test(line));
    assertEquals(left, undefined, name);
  }
});
