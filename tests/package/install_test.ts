/** Install, upgrade, go back, remove and purge, in a Debian of its own, with a daemon that runs meanwhile. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { canMount, DebianRoot, debianRoot, debianRootMissing } from "../support/debian_root.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";
import { makeTestDebs, packagesMissing, releaseOf } from "./packages.ts";

/** What the packages depend on; the rest is there in any Debian. */
const INCLUDE = ["libgcc-s1", "libxenevtchn1", "libxengnttab1", "kmod"] as const;

const OLDER = "0.1.0+git20260101000000.0000000001-1";
const NEWER = "0.1.0+git20260201000000.0000000002-1";
/** Its xs keeps the store in a layout that no other version reads. */
const LAYOUT_STEP = "0.2.0+git20260301000000.0000000003-1";

/** What the runtime keeps for each user who runs xs: compiled code, like a browser's cache. */
const USER_CACHE = /^\/root\/\.cache\b/;

async function filesOf(root: DebianRoot): Promise<string[]> {
  return (await root.files()).filter((path) => !USER_CACHE.test(path));
}

const missing = await packagesMissing() ?? await debianRootMissing();

/** A chroot needs a /proc, which a container may not let us mount. */
async function testInRoot(name: string, run: () => Promise<void>): Promise<void> {
  if (missing !== undefined || await canMount()) testUnless(missing, name, run);
  else console.log(`no test that ${name}: this machine lets nobody mount`);
}

/** The packages of a version, in the root's /tmp. */
async function provide(root: DebianRoot, version: string, layouts: string): Promise<string[]> {
  await using scratch = await makeScratch();
  const changes = { release: releaseOf(version), level: null, layouts };
  const debs = await makeTestDebs(scratch.path, changes);
  const names = debs.map((deb) => deb.slice(deb.lastIndexOf("/") + 1));
  for (const [i, name] of names.entries()) {
    await Deno.copyFile(debs[i]!, `${root.path}/tmp/${name}`);
  }
  return names.map((name) => `/tmp/${name}`);
}

/** A daemon that runs in the root, from the installed program. */
class RunningDaemon {
  private constructor(readonly pid: number, readonly child: Deno.ChildProcess) {}

  static async start(root: DebianRoot): Promise<RunningDaemon> {
    await Deno.mkdir(`${root.path}/run/xenstored`, { recursive: true });
    const socket = "/run/xenstored/socket";
    const words = ["serve", "--xen", "no", "--socket", socket, "--pid-file", "/run/xenstore.pid"];
    const child = new Deno.Command("chroot", {
      args: [root.path, "/usr/libexec/xs/xenstored", ...words],
      env: { DENO_DIR: "/dev/null" },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    // It says where it listens, and nothing before.
    await child.stdout.getReader().read();
    return new RunningDaemon(child.pid, child);
  }

  program(): string {
    return Deno.readLinkSync(`/proc/${this.pid}/exe`).replace(/^.*(?=\/usr\/)/, "");
  }

  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    await this.child.status;
  }
}

await testInRoot(
  "packages: install, upgrade, remove and purge leave the running daemon, and in the end nothing",
  async () => {
    await using root = await DebianRoot.copyOf(await debianRoot("packages", INCLUDE));
    const older = await provide(root, OLDER, "2:0.1.0");
    const newer = await provide(root, NEWER, "2:0.1.0");
    const before = await filesOf(root);

    const installed = await root.run("dpkg", ["-i", ...older]);
    assertEquals(installed.code, 0, installed.text);
    assertEquals((await root.run("dpkg", ["--audit"])).text, "");
    assertEquals((await root.run("xs", ["--version"])).code, 0);
    const daemon = await RunningDaemon.start(root);
    try {
      assertEquals((await root.run("xs", ["write", "/tool/mark", "kept"])).text, "");

      const upgraded = await root.run("dpkg", ["-i", ...newer]);
      assertEquals(upgraded.code, 0, upgraded.text);
      assertStringIncludes(upgraded.text, "\n  xs live-update\n");
      assertEquals(daemon.program(), "/usr/bin/xs (deleted)");
      const updated = await root.run("xs", ["live-update"]);
      assertMatch(updated.text, new RegExp(`^xs .* serves, pid ${daemon.pid}\n$`));
      assertEquals(daemon.program(), "/usr/bin/xs");

      const removed = await root.run("dpkg", ["-r", "xenstored-xs"]);
      assertEquals(removed.code, 0, removed.text);
      assertStringIncludes(removed.text, "the running daemon goes on until the host is shut down");
      assertEquals((await root.run("xs", ["read", "/tool/mark"])).text, "kept\n");

      const purged = await root.run("dpkg", ["-P", "xenstored-xs", "xs"]);
      assertEquals(purged.code, 0, purged.text);
      assertStringIncludes(purged.text, "the store of the running daemon stays");
      const left = (await filesOf(root)).filter((path) => !before.includes(path));
      assert(left.includes("/run/xenstored/socket.store"), left.join("\n"));
      assertEquals(left.filter((path) => !/^\/run\/xensto/.test(path)), []);
    } finally {
      await daemon.stop();
    }
    await root.run("dpkg", ["-i", ...newer]);
    await Deno.mkdir(`${root.path}/var/lib/xs`, { recursive: true });
    await Deno.writeTextFile(`${root.path}/var/lib/xs/store`, "");
    const purged = await root.run("dpkg", ["-P", "xenstored-xs", "xs"]);
    assertEquals(purged.code, 0, purged.text);
    assertEquals(await filesOf(root), before);
  },
);

await testInRoot(
  "packages: going back across a step of the store's layout is refused, and says what to do",
  async () => {
    await using root = await DebianRoot.copyOf(await debianRoot("packages", INCLUDE));
    const older = await provide(root, OLDER, "2:0.1.0");
    const newer = await provide(root, LAYOUT_STEP, `2:0.1.0 3:${LAYOUT_STEP}`);
    assertEquals((await root.run("dpkg", ["-i", ...newer])).code, 0);
    const state = async (): Promise<string> =>
      (await root.run("dpkg-query", ["-W", "-f", "${Version} ${db:Status-Status}", "xenstored-xs"]))
        .text;

    // Without a store there is nothing to lose.
    assertEquals((await root.run("dpkg", ["-i", ...older])).code, 0);
    assertEquals((await root.run("dpkg", ["-i", ...newer])).code, 0);

    await Deno.mkdir(`${root.path}/run/xenstored`, { recursive: true });
    await Deno.writeTextFile(`${root.path}/run/xenstored/socket.store`, "a store");
    const refused = await root.run("dpkg", [
      "-i",
      older.find((path) => path.includes("xenstored"))!,
    ]);
    assertEquals(refused.code, 1, refused.text);
    assertStringIncludes(refused.text, `cannot go back to ${OLDER}: it does not read layout 3 of`);
    assertStringIncludes(refused.text, "Save what you need with 'xs dump -o FILE'");
    assertEquals(await state(), `${LAYOUT_STEP} installed`);

    const forced = await root.run("dpkg", ["-i", ...older], { XS_GO_BACK: "1" });
    assertEquals(forced.code, 0, forced.text);
    assertEquals(await state(), `${OLDER} installed`);
  },
);
