/** The RPM packages: what is in them, and the unit that goes before Xen's own while it is enabled. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { makeRpms } from "../../scripts/package/rpm.ts";
import { must, outcome } from "../support/debian_root.ts";
import { makeScratch } from "../support/scratch.ts";
import { missingFile, testUnless } from "../support/skip.ts";
import { BINARY, packagesMissing, releaseOf } from "./packages.ts";

const VERSION = "0.1.0+git20260101000000.0123456789";

const missing = await packagesMissing() ?? await missingFile("/usr/bin/rpmbuild", "rpm") ??
  await missingFile("/usr/bin/systemctl", "systemd");

async function make(out: string): Promise<string[]> {
  return await makeRpms({ release: releaseOf(`${VERSION}-1`), binary: BINARY, out, level: null });
}

/** All files but those in which rpm keeps what is installed. */
async function filesBelow(root: string): Promise<string[]> {
  const paths = (await must("find", root, "-type", "f", "-o", "-type", "l")).split("\n");
  return paths.filter((path) => !path.includes("/.rpmdb/")).sort();
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

testUnless(
  missing,
  "RPM packages install, take the name of Xen's unit, give it back, and leave nothing",
  async () => {
    await using scratch = await makeScratch();
    const rpms = await make(scratch.path);
    assertEquals(rpms.map((path) => path.split("/").at(-1)), [
      `xs-${VERSION}-1.x86_64.rpm`,
      `xenstored-xs-${VERSION}-1.x86_64.rpm`,
    ]);
    const root = `${scratch.path}/root`;
    const units = `${root}/usr/lib/systemd/system`;
    await Deno.mkdir(units, { recursive: true });
    await Deno.writeTextFile(`${units}/xenstored.service`, "[Service]\nExecStart=/bin/true\n");
    await Deno.writeTextFile(`${units}/proc-xen.mount`, "[Mount]\nWhat=xenfs\nWhere=/proc/xen\n");
    const before = await filesBelow(root);

    // The scripts need a shell and systemd in the root; what they call is called below.
    await must("rpm", "--root", root, "--nodeps", "--noscripts", "-i", ...rpms);
    const unit = await Deno.readTextFile(`${units}/xs-xenstored.service`);
    assertStringIncludes(unit, "\nExecStart=/usr/libexec/xs/xenstored --no-fork --pid-file ");
    assertStringIncludes(unit, "\nAlias=xenstored.service\n");
    assert(!unit.includes("/usr/local/"), unit);
    assertEquals(await Deno.readLink(`${root}/usr/libexec/xs/xenstored`), "../../bin/xs");

    const alias = `${root}/etc/systemd/system/xenstored.service`;
    await must("systemctl", "--root", root, "enable", "xs-xenstored.service");
    assertEquals((await Deno.readLink(alias)).split("/").at(-1), "xs-xenstored.service");
    await must("systemctl", "--root", root, "disable", "xs-xenstored.service");
    assert(!await exists(alias));

    await must("rpm", "--root", root, "--noscripts", "-e", "xenstored-xs", "xs");
    assertEquals(await filesBelow(root), before);
  },
);

testUnless(
  missing,
  "RPM packages say what they need, start nothing, and are the same bytes when made again",
  async () => {
    await using first = await makeScratch();
    await using second = await makeScratch();
    const rpms = await make(first.path), again = await make(second.path);
    for (const [i, path] of rpms.entries()) {
      assertEquals((await outcome("cmp", [path, again[i]!])).text, "");
    }
    const [clients, daemon] = rpms;
    const requires = await must("rpm", "-qp", "--requires", clients!);
    assertStringIncludes(requires, "libc.so.6(GLIBC_2.");
    assertEquals((await outcome("rpm", ["-qp", "--scripts", clients!])).text, "");
    const scripts = await must("rpm", "-qp", "--scripts", daemon!);
    assert(!/systemctl (?:start|stop|restart|try-restart)/.test(scripts), scripts);
  },
);
