/** `xs top`: figures between two looks, the screen at any size, keys, and what scripts get. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { applyKey, keysIn } from "../../cmd/top/keys.ts";
import { chosenRows, firstView, type Scene, screenLines } from "../../cmd/top/screen.ts";
import { templateOf } from "../../cmd/top/stream_totals.ts";
import { emptyTotals, type Rates, ratesBetween } from "../../cmd/top/totals.ts";
import { WatchSurvey } from "../../cmd/top/watch_survey.ts";
import { Client } from "../../lib/client/client.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { surroundings } from "../../lib/client/socket_path.ts";
import type { Status } from "../../lib/engine/status.ts";
import { DOCTOR_WATCHES_MAX, TOP_WATCH_PAGES } from "../../lib/limits.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { pause, until } from "../support/patience.ts";
import { type FakeShell, fakeShell } from "../support/fake_shell.ts";
import { makeScratch } from "../support/scratch.ts";
import { missingFile, testUnless } from "../support/skip.ts";
import { runTmux, seen } from "../support/tmux.ts";

/** So many domains; the first does least. */
function scene(count: number): Scene {
  const rows: Rates[] = ratesBetween(
    new Map(),
    new Map(Array.from({ length: count }, (_, i) => {
      const row = emptyTotals(`domain ${i} (guest-${i})`);
      row.requests.set("read OK", i);
      row.requests.set("write ENOSPC", 1);
      row.quota = { name: "nodes", percent: i % 101 };
      return [`${i}`, row];
    })),
    1,
  );
  const status = {
    version: "1.0",
    uptimeMs: 61_000,
    counts: { nodes: 1, domains: count, clients: 2, watches: 3, transactions: 4 },
    memory: { resident: 2 ** 26 },
    work: { requestsPerSecond: 5, waitP50Ms: 0.1, waitP99Ms: 2 },
  } as unknown as Status;
  const conflict = {
    loser: "socket 7 (pid 70 xl)",
    by: "socket 8 (pid 80 xl)",
    count: 9,
    facet: "value",
  };
  return {
    status,
    rows,
    commitMs: 0.01,
    turnsPerSecond: 3,
    conflicts: [{ ...conflict, path: "/vm/1", perSecond: 4 }],
    lost: 0,
  };
}

Deno.test("top: rates are what has risen between two looks; who is new counts from 0", () => {
  const before = emptyTotals("a"), after = emptyTotals("a"), fresh = emptyTotals("b");
  before.requests.set("read OK", 10).set("write OK", 5);
  after.requests.set("read OK", 30).set("write OK", 5).set("transaction_end EAGAIN", 4);
  after.events = 8;
  fresh.requests.set("rm OK", 2);
  const [a, b] = ratesBetween(
    new Map([["1", before]]),
    new Map([["1", after], ["2", fresh]]),
    2,
  );
  assertEquals([a!.reads, a!.writes, a!.transactions, a!.events], [10, 0, 2, 4]);
  assertEquals([...a!.requests], [["read OK", 10], ["transaction_end EAGAIN", 2]]);
  assertEquals(b!.writes, 1);
  // The same key, but another domain.
  assertEquals(ratesBetween(new Map([["1", after]]), new Map([["1", before]]), 1)[0]!.reads, 0);
});

Deno.test("top: a screen of any size has its lines, none too wide, with a thousand domains", () => {
  const full = scene(1_000);
  for (const [columns, lines] of [[80, 24], [200, 50], [40, 10], [20, 4], [1, 1]] as const) {
    for (const change of [{}, { isHelp: true }, { detail: "999" }, { selected: 999 }]) {
      const shown = screenLines(full, { ...firstView("domains"), ...change }, columns, lines);
      assertEquals(shown.length, lines, `${columns}x${lines}`);
      for (const line of shown) assert(line.length <= columns, line);
    }
  }
  const small = screenLines(full, firstView("domains"), 80, 24).join("\n");
  assertMatch(small, /^DOMAINS +READ\/S WRITE\/S EVENT\/S ABORT CAUSED QUOTA/m);
  assertMatch(small, /^>domain 999 \(guest-999\) +999 +1 +0 +0 +0 +90% +0$/m);
  assertMatch(
    small,
    /^conflict: socket 8 \(pid 80 xl\) makes socket 7 \(pid 70 xl\) fail, 4\/s, at \/vm\/1$/m,
  );
  assertMatch(small, /commit 0.01 ms, answers 0.1 ms \(half\)\n2 ms \(99 %\)/);
  assertMatch(
    screenLines(full, { ...firstView("domains"), selected: 999 }, 80, 24).join("\n"),
    /^>domain 0 /m,
  );
  const wide = screenLines(full, firstView("domains"), 200, 50).join("\n");
  assertMatch(wide, /OPEN WATCHES +QUEUED OTHER\/S$/m);
  const detail = screenLines(full, { ...firstView("domains"), detail: "5" }, 80, 24).join("\n");
  assertMatch(detail, /^domain 5 \(guest-5\)$/m);
  assertMatch(detail, /^write ENOSPC +1 \/s$/m);
  assertMatch(detail, /^quota nodes +5%$/m);
});

Deno.test("top: what is printed is no wider than its names need, and than there are columns", () => {
  const printed = { ...firstView("domains"), selected: -1, isPrinted: true };
  const wide = screenLines(scene(3), printed, 200, 50);
  assertEquals(wide.find((line) => line.startsWith("DOMAINS"))!.length, 112);
  assertMatch(wide.at(-1)!, /^ domain 0 \(guest-0\) /);
  const narrow = screenLines(scene(3), printed, 80, 50);
  for (const line of narrow) assert(line.length <= 80 && line === line.trimEnd(), line);
  assertMatch(
    narrow.join("\n"),
    /^DOMAINS +READ\/S WRITE\/S EVENT\/S ABORT CAUSED QUOTA {2}TX\/S$/m,
  );
});

Deno.test("top: keys change axis, order, filter, selection; and end it", () => {
  const { rows } = scene(20);
  const view = firstView("domains");
  const press = (text: string): boolean => keysIn(text).every((key) => applyKey(view, key, rows));
  assertEquals(keysIn("\x1b[Aq\x1b\r\x1b[5~"), ["up", "q", "escape", "enter", "page up"]);
  assert(press("a"));
  assertEquals(view.axis, "processes");
  assert(press("\t\t"));
  assertEquals(view.axis, "domains");
  assert(press("sS"));
  assertEquals(view.sort, "ALL");
  assert(press("S"));
  assertEquals(view.sort, "OTHER/S");
  assert(press("S".repeat(6)));
  assertEquals(chosenRows(rows, view)[0]!.name, "domain 19 (guest-19)", view.sort);
  assert(press("/guest-1\x7f1\r"));
  assertEquals([view.filter, view.isTyping, chosenRows(rows, view).length], ["guest-1", false, 11]);
  // While a filter is typed, q is a letter.
  assert(press("/q"));
  assert(press("\x1b"));
  assertEquals([view.filter, view.isTyping], ["", false]);
  assert(press("jjjk\x1b[B"));
  assertEquals(view.selected, 3);
  assert(press("\x1b[6~\x1b[6~\x1b[6~"));
  assertEquals(view.selected, 19);
  assert(press("\r"));
  assert(view.detail !== null);
  assert(press("\x1b"));
  assertEquals(view.detail, null);
  assert(press("p?"));
  assertEquals([view.isPaused, view.isHelp], [true, true]);
  assert(press("\x1b"));
  assert(!press("q"));
  assert(!press("\x03"));
});

Deno.test("top: paths of the same kind are one row", () => {
  assertEquals(
    templateOf("/local/domain/12/device/vif/0/state"),
    "/local/domain/*/device/vif/*/state",
  );
  assertEquals(templateOf("/vm/3f2a9c1e-0b1d-4c57-9a55-0123456789ab/name"), "/vm/*/name");
  assertEquals(templateOf("@releaseDomain"), "@releaseDomain");
});

/** A daemon with so many watches on one path; `asked` counts the pages that it was asked for. */
function fakeWatches(count: number, rowsEach: number): { nodes: Operations; asked: number } {
  const row = { kind: "watch", path: "/local/domain/7/device", depth: -1 };
  const daemon = {
    asked: 0,
    nodes: {
      control: (_who: string, _path: string, from: string): Promise<string> => {
        daemon.asked++;
        const at = Number(from), left = Math.min(rowsEach, count - at);
        const next = at + left < count ? `${at + left}` : null;
        return Promise.resolve(JSON.stringify({ rows: Array(left).fill(row), next }));
      },
    } as unknown as Operations,
  };
  return daemon;
}

Deno.test("top: watches are read whole where they are few, and else some at each look", async () => {
  const rowsEach = 16, count = DOCTOR_WATCHES_MAX + 3 * TOP_WATCH_PAGES * rowsEach;
  const daemon = fakeWatches(count, rowsEach);
  const survey = new WatchSurvey(daemon.nodes);
  const hearing = (): number | null => {
    const rows = new Map([["x", emptyTotals("x")]]);
    survey.addTo(new Map([["/local/domain/*/device/vif", rows.get("x")!]]));
    return rows.get("x")!.watches;
  };
  await survey.look();
  assertEquals([daemon.asked, hearing()], [DOCTOR_WATCHES_MAX / rowsEach, null]);
  for (let looks = 1; hearing() === null; looks++) {
    assert(looks <= 3, "the first time never ends");
    await survey.look();
  }
  assertEquals(hearing(), count);
  const before = daemon.asked;
  await survey.look();
  assertEquals([daemon.asked - before, hearing()], [TOP_WATCH_PAGES, count]);
});

async function xs(
  socket: string,
  ...args: string[]
): Promise<{ status: number; shell: FakeShell }> {
  const shell = fakeShell(args, { env: { XENSTORED_PATH: socket }, exists: surroundings.exists });
  return { status: await runApp(shell), shell };
}

Deno.test("xs top --once, and --json: each axis counts what clients do", async () => {
  await using daemon = await startDaemon({ args: ["--persist", "none"] });
  const socket = daemon.socketPath;
  using client = await Client.connect({ socket });
  const during = async (...args: string[]): Promise<string> => {
    let isOver = false;
    const running = xs(socket, "top", "--once", "--interval", "0.2", ...args).then((done) => {
      isOver = true;
      return done;
    });
    while (!isOver) {
      await client.transaction((tx) => tx.write("/local/domain/5/state", "1"));
      await client.read("/none").catch(() => null);
      // Else what is traced waits behind what is asked, both of which are done here.
      await pause(1);
    }
    const { shell, status } = await running;
    assertEquals([status, shell.printed.err], [0, ""]);
    return shell.printed.out;
  };
  assertMatch(await during(), /^ domain 0 +[\d.]+ +[\d.]+ /m);
  const narrow = fakeShell(["top", "--once", "--interval", "0"], {
    env: { XENSTORED_PATH: socket, COLUMNS: "60" },
    exists: surroundings.exists,
  });
  assertEquals(await runApp(narrow), 0);
  for (const line of narrow.printed.out.split("\n")) assert(line.length <= 60, line);
  await until("this process to show", async () => {
    const { daemon: figures, rows } = JSON.parse(await during("--json", "--axis", "processes"));
    assert(figures.turnsPerSecond > 0 && figures.memory.resident > 0);
    const own = rows.find(({ key }: { key: string }) => key === `pid ${Deno.pid}`);
    return own?.commits > 0 && own.requests["read ENOENT"] > 0;
  });
  await until("its paths to show", async () => {
    return /^ \/local\/domain\/\*\/state +0 +[1-9]/m.test(await during("--axis", "paths"));
  });
});

Deno.test("xs top: no terminal, no daemon", async () => {
  await using daemon = await startDaemon({ args: ["--persist", "none"] });
  const dumb = await xs(daemon.socketPath, "top");
  assertEquals(dumb.status, 1);
  assertMatch(
    dumb.shell.printed.err,
    /^xs: top: no usable terminal \(use --once or --json\)\n$/,
  );
  const none = await xs("/nowhere/socket", "top", "--once");
  assertMatch(none.shell.printed.err, /^xs: top: cannot connect to /);
});

const tmux = await missingFile("/usr/bin/tmux", "tmux");

testUnless(
  tmux,
  "xs top in a terminal: drawn, resized, and left as it was, also by a lost daemon",
  async () => {
    await using daemon = await startDaemon({ args: ["--persist", "none"] });
    await using scratch = await makeScratch();
    const server = `xs-top-${Deno.pid}`;
    const script = `${scratch.path}/run`;
    const command = xsCommand().map((word) => `'${word}'`).join(" ");
    const line =
      `XENSTORED_PATH='${daemon.socketPath}' ${command} top; echo STATUS $?; stty -a | grep -o ' -\\?icanon'\n`;
    await Deno.writeTextFile(script, `echo BEFORE\n${line}${line}${line}exec sleep 600\n`);
    try {
      await runTmux(server, "new-session", "-d", "-x", "80", "-y", "24", `sh ${script}`);
      await seen(server, /by domains/);
      await seen(server, /^a axis .* q quit$/m);
      await runTmux(server, "resize-window", "-x", "200", "-y", "50");
      await seen(server, /OPEN WATCHES +QUEUED OTHER\/S$/m);
      await runTmux(server, "send-keys", "a");
      await seen(server, /^PROCESSES/m);
      await runTmux(server, "send-keys", "q");
      // It begins again, with the first axis.
      await seen(server, /^DOMAINS/m);
      await runTmux(server, "send-keys", "a");
      await seen(server, /^PROCESSES/m);
      await runTmux(server, "send-keys", "C-c");
      await seen(server, /^DOMAINS/m);
      await daemon.stop();
      const screen = await seen(server, /STATUS 1\n icanon/);
      assertMatch(screen, /^BEFORE\nSTATUS 0\n icanon\nSTATUS 0\n icanon\nxs: top/);
    } finally {
      await runTmux(server, "kill-server");
    }
  },
);
