/** A history as a git repository: each commit of git has the files of the store as it was after its number. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ArchiveError } from "../../lib/archive/archive.ts";
import { type ExportRange, exportToGit } from "../../lib/archive/past/git_export.ts";
import type { HistorySource } from "../../lib/archive/past/history_source.ts";
import { answer } from "../../lib/history/answers.ts";
import { IN_MEMORY } from "../../lib/history/database.ts";
import { filesOf } from "../../lib/history/git/node_files.ts";
import { History } from "../../lib/history/history.ts";
import { momentAt } from "../../lib/history/reading.ts";
import type { Query } from "../../lib/history/query.ts";
import type { Commit, NodeState } from "../../lib/history/record.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { gitMissing, GitRepository } from "../support/git.ts";
import { Random, roundsOf } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";
import { RandomHistory } from "./random_history.ts";
import { beginHistory, damageBlock, finish, guest, packer, textNode, Writer } from "./support.ts";

const ALL: ExportRange = { since: null, until: null, paths: [] };

function sourceOf(history: History): HistorySource {
  return { isLive: false, ask: (query) => answersOf(history, query) };
}

async function* answersOf(history: History, query: Query): ReturnType<HistorySource["ask"]> {
  for (const found of answer(history, query)) {
    if (found === null) continue;
    if (found.type === "failure") throw new ArchiveError(found.text);
    yield await Promise.resolve(found);
  }
}

/** The stream, and what the user is told with it. */
async function streamOf(
  history: History,
  range: ExportRange = ALL,
): Promise<{ readonly stream: string; readonly notes: readonly string[] }> {
  const notes: string[] = [], pieces: string[] = [];
  const note = (text: string): void => void notes.push(text);
  for await (const piece of exportToGit(sourceOf(history), range, note)) pieces.push(piece);
  return { stream: pieces.join(""), notes };
}

async function repositoryOf(history: History, range = ALL): Promise<GitRepository> {
  return await GitRepository.of(toBytes((await streamOf(history, range)).stream));
}

function expected(nodes: Iterable<readonly [string, NodeState]>): string[] {
  return [...nodes].flatMap(([path, node]) => [...filesOf(path, node)])
    .map(({ path, text }) => `${path} ${text}`).sort();
}

async function actual(repository: GitRepository, hash: string): Promise<string[]> {
  return [...await repository.files(hash)].map(([path, text]) => `${path} ${text}`).sort();
}

/** A history with all that can happen to one: restores, folding, thinning, pruning. */
function grow(random: Random): { history: History; source: RandomHistory } {
  const source = new RandomHistory(random);
  source.number = 0;
  const history = new History({ path: IN_MEMORY, store: "a store", packer });
  history.beginKeyframe(source.now, []);
  while (history.stepKeyframe());
  const limits = random.chance(0.5)
    ? { bytes: 60_000, age: Infinity }
    : { bytes: 1e9, age: Infinity };
  const upkeep = new HistoryUpkeep(history, limits);
  for (let i = 0; i < 4; i++) {
    history.add(Array.from({ length: 20 + random.below(300) }, () => source.next()));
    if (random.chance(0.4)) {
      history.add([source.restore()]);
      const sorted = [...source.nodes].sort(([a], [b]) => a < b ? -1 : 1);
      history.beginKeyframe(source.now, sorted);
      while (history.stepKeyframe());
    }
    while (random.chance(0.8) && upkeep.step(source.now));
  }
  return { history, source };
}

async function checkRound(seed: number): Promise<void> {
  const { history, source } = grow(new Random(seed));
  await using repository = await repositoryOf(history);
  const commits = await repository.commits(), horizon = history.horizon!.number;
  const numbers = commits.map(({ number }) => number);
  assertEquals(numbers, [...new Set(numbers)].sort((a, b) => a - b));
  assertEquals(numbers[0], horizon);
  const truths = new Map(source.truths.map((truth) => [truth.number, truth]));
  for (const [i, { hash, number, time }] of commits.entries()) {
    if (i % 25 > 0 && i > 3 && i < commits.length - 1) continue;
    const moment = finish(momentAt(history, number)), truth = truths.get(number);
    const files = await actual(repository, hash);
    assertEquals(files, expected(moment.nodes), `#${number}`);
    if (truth === undefined || moment.inexact() !== null) continue;
    assertEquals(files, expected(truth.nodes), `#${number} is not what was true`);
    if (number > horizon) assertEquals(time, Math.floor(truth.record.at / 1_000_000));
  }
  assertEquals(await actual(repository, commits.at(-1)!.hash), expected(source.nodes));
  history.close();
}

testUnless(gitMissing, "git: each commit has the store as it was after that number", async () => {
  for (const { seed } of roundsOf(4, 3)) {
    await checkRound(seed).catch((error) => {
      throw new Error(`failed with XS_SEED=${seed}`, { cause: error });
    });
  }
});

/** A history that begins with an empty store, and these records. */
function historyOf(...records: Parameters<History["add"]>[0]): History {
  const history = beginHistory();
  history.add(records);
  return history;
}

/** A commit of one path. */
function change(
  number: number,
  path: string,
  old: NodeState | null,
  now: NodeState | null,
): Commit {
  return {
    type: "commit",
    number,
    at: number * 1_000_000,
    author: guest(1),
    kind: "write",
    operations: 1,
    detail: "",
    changes: [{ path, old, new: now, count: 1, first: number, firstAt: 0 }],
    moved: 0,
    isKeyframe: false,
  };
}

const NEVER_ENDS = "\ncommit HEAD\ndone\ndeleteall\n";

testUnless(
  gitMissing,
  "git: odd names, binary values, secrets and specials are files that can be checked out",
  async () => {
    const long = "n".repeat(241), longer = `/${"m".repeat(3_000)}`;
    const nodes: Readonly<Record<string, NodeState>> = {
      "/": textNode("the root's"),
      "/a": textNode(NEVER_ENDS),
      "/a/b": {
        value: Uint8Array.from({ length: 256 }, (_, i) => i),
        perms: [5, 0x10000, 0x5_0007],
      },
      "/a-": textNode(""),
      "/a/-rf": textNode("no option"),
      "/@special": textNode("a node"),
      "@special": { value: new Uint8Array(0), perms: [0, 0x10007] },
      [`/${long}`]: textNode("long"),
      [`/${long.slice(1)}`]: textNode("as long as it can be"),
      [`/${long.slice(1)}/n`]: textNode("below it"),
      [longer]: textNode("longer"),
      "/secret": { value: { redacted: 12 }, perms: [0] },
      [`/deep${"/d".repeat(1_500)}`]: textNode("deep"),
    };
    const commits = Object.entries(nodes).map(([path, node], i) => change(i + 1, path, null, node));
    const history = historyOf(...commits);
    await using repository = await repositoryOf(history);
    const hash = (await repository.commits()).at(-1)!.hash;
    assertEquals(await actual(repository, hash), expected(Object.entries(nodes)));
    await repository.git(["reset", "-q", "--hard"]);
    assertEquals(await repository.git(["status", "--porcelain"]), "");
    const at = repository.path;
    assertEquals(Deno.readFileSync(`${at}/a/b.value`), nodes["/a/b"]!.value);
    assertEquals(Deno.readTextFileSync(`${at}/a/b.perms`), "n5\nr0\nr7 stale\n");
    assertEquals(Deno.readTextFileSync(`${at}/.value`), "the root's");
    assertEquals(Deno.readTextFileSync(`${at}/secret.value`), "<12 bytes hidden>");
    assertEquals(Deno.readTextFileSync(`${at}/%special/@special.perms`), "n0\nr7\n");
    assertMatch(
      await repository.git(["log", "--format=%B", "-1", ":/secret"]),
      /Xenstore-Hidden: 1/,
    );
    history.close();
  },
);

Deno.test("git: no two nodes have a file in common, whatever their names are", () => {
  const names = ["a", "A", ".git", "..", ".", "a.value", "", "%", "%61", "n".repeat(240)];
  names.push("n".repeat(241), "\xff".repeat(300), "\n", "git~1", "a b", '"', "con");
  const paths = new Set([
    "/",
    ...names.flatMap((a) => [`/${a}`, `@${a}`, ...names.map((b) => `/${a}/${b}`)]),
  ]);
  const found = new Map<string, string>();
  for (const path of paths) {
    for (const { path: file } of filesOf(path, textNode("x"))) {
      assertEquals(found.get(file), undefined, `${JSON.stringify(path)}: ${file}`);
      found.set(file, path);
      assertMatch(file, /^[\w@%./-]+$/);
      for (const part of file.split("/")) {
        assert(part.length <= 250 && !/^\.{1,2}$|^\.git/.test(part), file);
      }
    }
  }
  // Nor is one's file a directory of another's.
  for (const file of found.keys()) {
    for (const slash of file.matchAll(/\//g)) assert(!found.has(file.slice(0, slash.index)), file);
  }
});

testUnless(
  gitMissing,
  "git: what clients call themselves forges neither an author nor a message",
  async () => {
    const history = beginHistory(), writer = new Writer();
    const name = "x> 1 +0000\nauthor me <me@here\0\x1b[31m";
    history.add([
      writer.commit(1_700_000_000_000_000, { kind: "domain", domid: 3, uniqueId: 9n, name }, {
        "/a": "1\n\nXenstore-Commit: 99",
      }),
      writer.commit(
        1_700_000_001_999_999,
        {
          kind: "process",
          domid: 0,
          pid: 7,
          startTime: 5,
          uid: 0,
          command: "/usr/sbin/xl\ncreate <a>",
        },
        { "/a": "2", "/b": "2" },
        "transaction",
      ),
      writer.commit(-5, { kind: "daemon" }, { "/a": null }, "death"),
    ]);
    await using repository = await repositoryOf(history);
    const commits = (await repository.commits()).slice(1);
    assertEquals(commits.map(({ hash: _, ...rest }) => rest), [
      {
        author: "domain 3 (x? 1 +0000\\u000aauthor me ?me@here\\u0000\\u001b[31m)",
        email: "domain-3@xenstore",
        time: 1_700_000_000,
        number: 1,
        subject: '#1 write /a = "1\\u000a\\u000aXenstore-Commit: 99" (n0)',
      },
      {
        author: "xl\\u000acreate (pid 7)",
        email: "pid-7@xenstore",
        time: 1_700_000_001,
        number: 2,
        subject: "#2 transaction of 2 requests, 2 paths",
      },
      {
        author: "the daemon",
        email: "daemon@xenstore",
        time: 0,
        number: 3,
        subject: "#3 death /a removed",
      },
    ]);
    const message = await repository.git(["log", "--format=%B", "-1", commits[1]!.hash]);
    assertEquals(message.trim().split("\n").slice(1), [
      "",
      "Xenstore-Commit: 2",
      "Xenstore-Time: 2023-11-14T22:13:21.999999Z",
      "Xenstore-Kind: transaction",
      "Xenstore-Requests: 2",
      "Xenstore-User: 0",
      "Xenstore-Started: 5",
      "Xenstore-Command: /usr/sbin/xl\\u000acreate <a>",
    ]);
    history.close();
  },
);

testUnless(
  gitMissing,
  "git: a range begins with the store as it was, and some paths are those alone",
  async () => {
    const history = beginHistory(), writer = new Writer();
    history.add([1, 2, 3, 4, 5].flatMap((i) => [
      writer.commit(i * 1_000_000, guest(1), { "/a/x": `${i}` }),
      writer.commit(i * 1_000_000, guest(2), { "/b": `${i}`, "/a/y": `${i}` }),
    ]));
    const commit = (number: number) => ({ kind: "commit", number, back: 0 } as const);
    const ranges: readonly (readonly [ExportRange, number[], string[]])[] = [
      [ALL, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], ["/a/x 5", "/a/y 5", "/b 5"]],
      [{ ...ALL, since: commit(5) }, [4, 5, 6, 7, 8, 9, 10], ["/a/x 5", "/a/y 5", "/b 5"]],
      [{ ...ALL, until: commit(3) }, [0, 1, 2, 3], ["/a/x 2", "/a/y 1", "/b 1"]],
      [{ ...ALL, since: { kind: "time", at: 3_500_000 } }, [6, 7, 8, 9, 10], [
        "/a/x 5",
        "/a/y 5",
        "/b 5",
      ]],
      [{ ...ALL, paths: ["/a/y"] }, [0, 2, 4, 6, 8, 10], ["/a/y 5"]],
      [{ since: commit(3), until: commit(6), paths: ["/**/x"] }, [2, 3, 5], ["/a/x 3"]],
    ];
    for (const [range, numbers, nodes] of ranges) {
      await using repository = await repositoryOf(history, range);
      const commits = await repository.commits();
      assertEquals(commits.map(({ number }) => number), numbers);
      const texts = [...await repository.files(commits.at(-1)!.hash)]
        .filter(([path]) => path.endsWith(".value"))
        .map(([path, text]) => `/${path.replace(".value", "")} ${text}`);
      assertEquals(texts.sort(), nodes);
    }
    assertEquals(await streamOf(history), await streamOf(history), "it is another one each time");
    const missing = { ...ALL, since: commit(99) };
    await assertRejects(() => streamOf(history, missing), ArchiveError, "#99");
    history.close();
  },
);

testUnless(
  gitMissing,
  "git: behind a damaged block and a gap the store is as far as it is known",
  async () => {
    await using scratch = await makeScratch();
    const path = `${scratch.path}/history`, writer = new Writer();
    {
      const history = beginHistory(path);
      for (let i = 0; i < 4; i++) {
        history.add(Array.from({ length: 512 }, (_, j) => {
          return writer.commit(i * 1_000 + j, guest(1), {
            [`/a/${j}`]: `${i} ${"x".repeat(j % 99)}`,
          });
        }));
        history.beginKeyframe(
          i * 1_000 + 600,
          [...writer.nodes].sort(([a], [b]) => a < b ? -1 : 1),
        );
        while (history.stepKeyframe());
      }
      writer.commit(9_000, guest(1), { "/lost": "1" });
      history.skipTo(writer.number, 9_000, 1);
      history.beginKeyframe(9_001, [...writer.nodes].sort(([a], [b]) => a < b ? -1 : 1));
      while (history.stepKeyframe());
      history.add([writer.commit(9_002, guest(1), { "/last": "1" })]);
      history.close();
    }
    damageBlock(path, 2);
    const history = new History({ path, store: "a store", packer });
    const { notes, stream } = await streamOf(history);
    assertEquals(notes.length > 0, true);
    await using repository = await GitRepository.of(toBytes(stream));
    const commits = await repository.commits();
    const damaged = commits.find(({ subject }) => subject.includes("are damaged"))!;
    assertMatch(damaged.subject, /^#\d+ records #\d+ to #\d+ are damaged$/);
    const gap = commits.find(({ subject }) => subject.includes("gap"))!;
    assert(await repository.git(["show", `${gap.hash}:lost.value`]) === "1");
    const known = expected(writer.nodes);
    assertEquals(await actual(repository, commits.at(-1)!.hash), known);
    history.close();
  },
);
