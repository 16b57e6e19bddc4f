/** Points that are none, or at which nothing is known, of what takes them otherwise than by `--at` of a client command. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeScratch } from "../support/scratch.ts";
import { failure, makeWorld, startPruned } from "./support.ts";

/** Commands, with the status for what is not there; what is typed wrong is 2. */
function withPoint(point: string, socket: string): [args: string[], status: number][] {
  const live = `live@${point}`;
  return [
    [["dump", live], 1],
    [["diff", live, "live"], 2],
    [["diff", "live", live], 2],
    [["restore", "--into", "live", live], 1],
    [["restore", "--dry-run", live], 1],
    [["serve", "--socket", socket, "--at", point], 1],
    [["bisect", "--good", point, "--", "true"], 1],
    [["bisect", "--good", "2", "--bad", point, "--", "true"], 1],
  ];
}

Deno.test("a time in the future, and what is no point: status 2 and a line", async () => {
  await using scratch = await makeScratch();
  await using world = await makeWorld();
  const cases: [string, string][] = [
    ["2999-01-01", "'2999-01-01' is in the future ("],
    ["25:00", "invalid point in time '25:00' ("],
    ["#x", "invalid point in time '#x' ("],
    ["12~", "invalid point in time '12~' ("],
  ];
  for (const [point, text] of cases) {
    for (const [args] of withPoint(point, `${scratch.path}/past`)) {
      const [status, err] = await failure(world.server.socketPath, ...args);
      assertEquals(status, 2, `${args.join(" ")}: ${err}`);
      assertMatch(err, /^xs: [^\n]+\n$/);
      assert(err.includes(`: ${text}`), `${args.join(" ")}: ${err}`);
    }
  }
});

Deno.test("a commit that was pruned, or is not there yet: status 1, of diff 2, and a line", async () => {
  await using scratch = await makeScratch();
  await using server = await startPruned();
  const { history, socketPath } = server, first = history.horizon!.number, { last } = history;
  const cases: [string, string][] = [
    [`#${last + 5}`, `there is no #${last + 5} yet: the last is #${last}\n`],
    ["#2", `#2 was pruned: the history begins after #${first}\n`],
  ];
  for (const [point, text] of cases) {
    for (const [args, expected] of withPoint(point, `${scratch.path}/past`)) {
      const [status, err] = await failure(socketPath, ...args);
      assertEquals(status, expected, `${args.join(" ")}: ${err}`);
      assertMatch(err, /^xs: [^\n]+\n$/);
      // The good end of a bisection is looked at first.
      const isPruned = err.endsWith(`#2 was pruned: the history begins after #${first}\n`);
      assert(err.endsWith(text) || args.includes("--bad") && isPruned, err);
    }
  }
});
