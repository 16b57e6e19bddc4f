/** `xs doctor` says since when: by the history where there is one, and never more than that tells. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { daemonHistory, type HistorySource } from "../../lib/archive/past/history_source.ts";
import { systemClock, wallMs } from "../../lib/clock.ts";
import { Client } from "../../lib/client/client.ts";
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { openStream } from "../../lib/client/stream.ts";
import type { Finding, Onset } from "../../lib/doctor/evidence.ts";
import { type Since, sinceEach, sinceJson, sinceText } from "../../lib/doctor/since.ts";
import type { HistoryRecord } from "../../lib/history/record.ts";
import { DOCTOR_BLAMES_MAX } from "../../lib/limits.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { until } from "../support/patience.ts";
import { type RecordedDaemon, startRecorded } from "../support/recorded_daemon.ts";

/** After all that the tests do. */
const FIRST_LOOK = Date.parse("2999-01-01");

function finding(onset: Onset): Finding {
  return { rule: "r", object: "o", text: "t", onset, command: null, fix: null };
}

function left(domid: number, path: string): Onset {
  return { kind: "left", domid, path };
}

async function ask(socket: string, ...onsets: Onset[]): Promise<Since[]> {
  const session = new Session(await openStream(socket), socket);
  try {
    const history = daemonHistory(new Operations(session));
    return await sinceEach(onsets.map(finding), history, FIRST_LOOK);
  } finally {
    session.close();
  }
}

/** What the history has of these numbers, as a finding tells it. */
function exactly(server: RecordedDaemon, number: number, why: string): Since {
  const { at } = recordOf(server, number);
  return { from: at / 1_000, to: at / 1_000, why, commit: number };
}

function recordOf({ history }: RecordedDaemon, number: number): HistoryRecord {
  return history.latest.find((record) => record.number === number)!;
}

/** Lets a domain die; returns the number of the record that says so. */
async function die(server: RecordedDaemon, domid: number): Promise<number> {
  server.domains.remove(domid);
  return await endOf(server, domid);
}

async function endOf(server: RecordedDaemon, domid: number): Promise<number> {
  return await until("the domain's end in the history", () => {
    const { latest } = server.history;
    const found = latest.find((record) =>
      record.type === "commit" && record.detail.includes(`domain ${domid} died`)
    );
    return found?.number ?? null;
  });
}

Deno.test("since: the domain's end, or the change after it; a release is an end, too", async () => {
  await using server = await startRecorded();
  using client = await Client.connect({ socket: server.socketPath });
  const backend = "/local/domain/0/backend/vif";
  for (const domid of [7, 8, 9]) {
    server.domains.create(domid);
    await client.introduce(domid, 1, 1);
    await client.write(`${backend}/${domid}`, "");
  }
  const died = await die(server, 7);
  await client.write(`${backend}/7`, "again");
  const changed = server.history.last;
  const died8 = await die(server, 8);
  await client.release(9);
  const released = await endOf(server, 9);
  await client.write(`${backend}/6`, "");
  const made = server.history.last;
  server.domains.remove(9);
  const onsets = [6, 7, 8, 9].map((domid) => left(domid, `${backend}/${domid}`));
  const [six, seven, eight, nine] = await ask(server.socketPath, ...onsets);
  assert(died < changed);
  assertMatch(seven!.why!, /^pid \d+ \(.*\) changed it last$/);
  assertEquals(seven, exactly(server, changed, seven!.why!));
  assertEquals(eight, exactly(server, died8, "domain 8 died"));
  assertEquals(nine, exactly(server, released, "domain 9 died"));
  // That domain was never introduced: it may have been there when the node was made.
  assertEquals([six!.from, six!.to, six!.commit], [
    recordOf(server, made).at / 1_000,
    FIRST_LOOK,
    made,
  ]);
});

Deno.test("since: a quota is not near its limit before the domain was introduced", async () => {
  await using server = await startRecorded();
  using client = await Client.connect({ socket: server.socketPath });
  server.domains.create(5);
  await client.introduce(5, 1, 1);
  const introduced = server.history.last;
  const [five, six] = await ask(
    server.socketPath,
    { kind: "domain", domid: 5 },
    { kind: "domain", domid: 6 },
  );
  assertEquals(five, {
    ...exactly(server, introduced, "domain 5 was introduced"),
    to: FIRST_LOOK,
  });
  assertEquals(six, { from: null, to: FIRST_LOOK, why: null, commit: null });
});

Deno.test("since: without a history only what the evidence tells is said", async () => {
  await using server = await EmbeddedServer.start();
  const seen = { kind: "seen", from: 1, to: 2 } as const;
  const found = await ask(server.socketPath, left(7, "/a"), { kind: "domain", domid: 7 }, seen);
  const unknown = { from: null, to: FIRST_LOOK, why: null, commit: null };
  assertEquals(found, [unknown, unknown, { from: 1, to: 2, why: null, commit: null }]);
});

Deno.test("since: the history is asked about so many nodes and no more", async () => {
  let asked = 0;
  // deno-lint-ignore require-yield
  const ask = async function* (): ReturnType<HistorySource["ask"]> {
    asked++;
    await Promise.resolve();
  };
  const onsets = Array.from({ length: DOCTOR_BLAMES_MAX + 50 }, (_, i) => left(7, `/${i % 140}`));
  await sinceEach(onsets.map(finding), { isLive: true, ask }, FIRST_LOOK);
  // One of domains' ends.
  assertEquals(asked, DOCTOR_BLAMES_MAX + 1);
});

Deno.test("since: as text and as JSON", () => {
  const at = new Date(2026, 10, 27, 14, 3, 12, 250).getTime(), now = at + 3_723_000;
  const some: Since = { from: at, to: at, why: "domain 9 died", commit: 41 };
  assertEquals(
    sinceText(some, now),
    "since 2026-11-27 14:03:12.250 (1h2m3s ago), when domain 9 died (#41)",
  );
  const nothing = { why: null, commit: null };
  assertEquals(
    sinceText({ ...nothing, from: null, to: at }, now),
    "since 2026-11-27 14:03:12.250 (1h2m3s ago) at the latest",
  );
  assertEquals(
    sinceText({ ...nothing, from: at, to: now }, now),
    "since 2026-11-27 14:03:12.250 (1h2m3s ago) at the earliest",
  );
  const time = new Date(at).toISOString().replace("Z", "000Z");
  assertEquals(sinceJson(some), {
    notBefore: time,
    notAfter: time,
    why: "domain 9 died",
    commit: 41,
  });
});

Deno.test("xs doctor prints it, and gives it as JSON", async () => {
  await using server = await startRecorded();
  using client = await Client.connect({ socket: server.socketPath });
  server.domains.create(7);
  await client.introduce(7, 1, 1);
  await client.write("/local/domain/0/backend/vif/7/0", "");
  const died = await die(server, 7);
  const run = async (...args: string[]): Promise<string> => {
    const shell = fakeShell(["doctor", "--for", "0.05", ...args], {
      env: { XENSTORED_PATH: server.socketPath },
    });
    assertEquals([await runApp(shell), shell.printed.err], [1, ""]);
    return shell.printed.out;
  };
  assertMatch(
    await run(),
    new RegExp(`domain 7, which is gone\n {2}since .* ago\\), when domain 7 died \\(#${died}\\)\n`),
  );
  const { onset, since } = JSON.parse(await run("--json"));
  assertEquals([onset, since.commit, since.notBefore], [undefined, died, since.notAfter]);
  assert(Date.parse(since.notAfter) <= wallMs(systemClock));
});

Deno.test("xs doctor says when a guest broke the protocol, whose ring is ignored since then", async () => {
  await using server = await EmbeddedServer.start();
  using client = await Client.connect({ socket: server.socketPath });
  server.domains.create(8);
  await client.introduce(8, 1, 1);
  const guest = server.domains.guest(8);
  const long = encodeMessage(MessageType.WRITE, 7, 0, toBytes("name\0mail"));
  new DataView(long.buffer).setUint32(12, 70_000, true);
  guest.write(long, 0, long.length);
  guest.kick();
  const env = { XENSTORED_PATH: server.socketPath };
  const found = await until("the ring to be ignored", async () => {
    const shell = fakeShell(["doctor", "--for", "0.05", "--json"], { env });
    await runApp(shell);
    return /stuck-rings/.test(shell.printed.out) ? JSON.parse(shell.printed.out) : null;
  });
  assertMatch(found.text, /^the daemon ignores its ring/);
  assertEquals(typeof found.since.notBefore, "string");
  assertEquals(found.since.notBefore, found.since.notAfter);
});
