/** What a stranger meets first is whole: the front page of the documents, and the tasks. */
import { assert, assertEquals } from "@std/assert";
import { filesUnder, readText } from "../support/sources.ts";

Deno.test("docs/README.md names every document", () => {
  const front = readText("docs/README.md");
  const documents = filesUnder("docs", /\.md$/).map((path) => path.slice("docs/".length));
  assert(documents.length > 12);
  const missing = documents.filter((name) => name !== "README.md" && !front.includes(`(${name})`));
  assertEquals(missing, [], "give each its line in docs/README.md");
});

Deno.test("every task in deno.json says what it does", () => {
  const { tasks } = JSON.parse(readText("deno.json")) as {
    tasks: Record<string, string | { description?: string }>;
  };
  const silent = Object.entries(tasks)
    .filter(([, task]) => typeof task === "string" || !task.description)
    .map(([name]) => name);
  assertEquals(silent, [], 'write { "description": "...", "command": "..." }');
});
