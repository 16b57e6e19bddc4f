/** `xs quota`: what it shows and sets, by domid and by name, and what it says when it cannot. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { RawClient } from "../support/raw_client.ts";

interface Rig extends AsyncDisposable {
  readonly client: RawClient;
  xs(...args: string[]): Promise<{ status: number; out: string; err: string }>;
}

/** A server with domain 5, `web1`, and domains 6 and 7 that have one name. */
async function rig(): Promise<Rig> {
  const server = await EmbeddedServer.start();
  const client = await RawClient.connect(server.socketPath);
  for (const [domid, name] of [[5, "web1"], [6, "twin"], [7, "twin"]] as const) {
    server.domains.create(domid);
    await client.ask(T.INTRODUCE, `${domid}\x001\x005\0`);
    await client.ask(T.WRITE, `/local/domain/${domid}/name\0${name}`);
  }
  await client.ask(T.WRITE, "/local/domain/5/data\0v");
  await client.ask(T.SET_PERMS, "/local/domain/5/data\0n5\0");
  return {
    client,
    xs: async (...args) => {
      const shell = fakeShell(["quota", ...args], { env: { XENSTORED_PATH: server.socketPath } });
      const status = await runApp(shell);
      return { status, ...shell.printed };
    },
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}

Deno.test("xs quota shows one domain by its number, by its name, and all", async () => {
  await using test = await rig();
  const byNumber = await test.xs("5");
  assertEquals([byNumber.status, byNumber.err], [0, ""]);
  const [head, ...lines] = byNumber.out.trimEnd().split("\n");
  assertMatch(head!, /^DOMAIN +QUOTA +USED +PEAK +LIMIT +% +REFUSED +NAME$/);
  assertEquals(lines.length, 10);
  assertMatch(lines[0]!, /^5 +nodes +1 +1 +1000 +0 +0 +web1$/);
  assertEquals(await test.xs("web1"), byNumber);
  const all = await test.xs();
  assertEquals(all.out.match(/^\d+ +nodes /gm)!.length, 4);
  assertMatch(all.out, /^0 +nodes +\d+ +\d+ +none +- +0$/m);
});

Deno.test("xs quota sets quotas of a domain, and those of new domains", async () => {
  await using test = await rig();
  assertEquals(await test.xs("web1", "nodes=4", "memory=4M"), { status: 0, out: "", err: "" });
  assertEquals(await test.client.ask(T.GET_QUOTA, "5\0nodes\0"), "4\0");
  assertEquals(await test.client.ask(T.GET_QUOTA, "5\0memory\0"), "4194304\0");
  assertMatch((await test.xs("5")).out, /^5 +nodes +1 +1 +4 +25 +0 /m);
  const json = await test.xs("--json", "5", "watches=0");
  assertEquals(JSON.parse(json.out), { domid: 5, quota: "watches", limit: null });
  assertEquals((await test.xs("--default", "transactions=20")).status, 0);
  assertEquals(await test.client.ask(T.GET_QUOTA, "transactions\0"), "20\0");
  assertEquals(await test.client.ask(T.GET_QUOTA, "5\0transactions\0"), "10\0");
  assertMatch((await test.xs("--default")).out, /^default +transactions +- +- +20 +- +0$/m);
});

Deno.test("xs quota takes the words of CONTROL", async () => {
  await using test = await rig();
  assertEquals(await test.xs("set", "5", "nodes", "7"), { status: 0, out: "OK\n", err: "" });
  assertEquals(await test.client.ask(T.GET_QUOTA, "5\0nodes\0"), "7\0");
  assertEquals((await test.xs("set", "nodes", "70")).status, 0);
  assertEquals(await test.client.ask(T.GET_QUOTA, "nodes\0"), "70\0");
  assertMatch((await test.xs("max")).out, /^nodes +: +1$/m);
  assertEquals((await test.xs("max", "-r")).status, 0);
});

Deno.test("xs quota says what is wrong before it sets anything", async () => {
  await using test = await rig();
  const cases: readonly [args: string[], status: number, err: RegExp][] = [
    [["9"], 1, /^xs: quota 9: no such domain \(ENOENT\)\n$/],
    [["nobody"], 1, /^xs: quota nobody: no such domain \(ENOENT; `xs status` lists the names\)\n$/],
    [["twin"], 1, /^xs: quota twin: several domains have this name \(use the domid: 6, 7\)\n$/],
    [["99999"], 2, /^xs: quota 99999: invalid domid /],
    [["5", "nodes=4", "wishes=3"], 2, /^xs: quota wishes=3: invalid quota \(NAME=NUMBER, /],
    [["5", "nodes=4", "nodes=-1"], 2, /^xs: quota nodes=-1: invalid number /],
    [
      ["5", "nodes=4", "memory=2G"],
      2,
      /^xs: quota memory=2G: it is too large \(at most 2147483647\)/,
    ],
    [["9", "nodes=4"], 1, /^xs: quota 9: no such domain \(ENOENT\)\n$/],
    [["--reset"], 2, /^xs: quota -r: it needs max/],
  ];
  for (const [args, status, err] of cases) {
    const got = await test.xs(...args);
    assertEquals([got.status, got.out], [status, ""], args.join(" "));
    assertMatch(got.err, err);
  }
  assertEquals(await test.client.ask(T.GET_QUOTA, "5\0nodes\0"), "1000\0");
});

Deno.test("xs quota shows a hostile name on its line, and refusals", async () => {
  await using test = await rig();
  await test.client.ask(T.WRITE, "/local/domain/5/name\0a\n5 nodes 0\x1b[2J");
  const { out } = await test.xs("5");
  assertEquals(out.trimEnd().split("\n").length, 11);
  assertStringIncludes(out, "a\\u000a5 nodes 0\\u001b[2J");
  const rows = (await test.xs("--json", "5")).out.trimEnd().split("\n").map((line) =>
    JSON.parse(line)
  );
  assert(rows.every(({ name }) => name === "a\n5 nodes 0\x1b[2J"));
  assertEquals(rows[0].refused, 0);
});
