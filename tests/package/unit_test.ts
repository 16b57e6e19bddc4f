/** The unit and the drop-in: systemd finds no fault in them, and the sandbox is as narrow as it was. */
import { assertEquals, assertMatch } from "@std/assert";
import { stageDaemon } from "../../scripts/package/contents.ts";
import { Staging } from "../../scripts/package/staging.ts";
import { outcome } from "../support/debian_root.ts";
import { makeScratch } from "../support/scratch.ts";
import { missingFile, testUnless } from "../support/skip.ts";
import { releaseOf } from "./packages.ts";

const missing = await missingFile("/usr/bin/systemd-analyze", "systemd");

/** Ten times the exposure level that docs/install.md names, rounded up. */
const EXPOSURE_MAX = 35;

testUnless(
  missing,
  "systemd-analyze verify has no complaint about the unit, in the place where it is installed",
  async () => {
    await using scratch = await makeScratch();
    const files = new Staging(scratch.path, {});
    await stageDaemon(files, releaseOf("0.1.0-1"));
    for (const path of ["/usr/bin/xs", "/bin/kill", "/bin/mount"]) {
      await files.text(path, "#!/bin/sh\n", 0o755);
    }
    const args = [
      `--root=${scratch.path}`,
      "verify",
      "--man=no",
      "xs-xenstored.service",
      "xs-xenfs.service",
    ];
    assertEquals(await outcome("systemd-analyze", args), { code: 0, text: "" });
  },
);

testUnless(missing, "the unit's sandbox is no wider than docs/install.md says", async () => {
  const unit = new URL("../../systemd/xs-xenstored.service", import.meta.url).pathname;
  const args = ["security", "--offline=true", "--no-pager", `--threshold=${EXPOSURE_MAX}`, unit];
  const { code, text } = await outcome("systemd-analyze", args);
  assertEquals(code, 0, text);
});

/** Options for which systemd (252) mounts a new /proc: /proc/xen, a mount of its own, is not in it. */
const NEW_PROC =
  /^(?:ProtectKernelTunables|ProtectControlGroups|ProtectProc|ProcSubset|MountAPIVFS|Root\w+)=/m;

Deno.test("the unit's sandbox leaves /proc/xen in sight", async () => {
  const unit = await Deno.readTextFile(
    new URL("../../systemd/xs-xenstored.service", import.meta.url),
  );
  assertEquals(NEW_PROC.exec(unit), null);
});

Deno.test("nothing in the unit or the packages' scripts starts, stops or restarts the daemon", async () => {
  const folder = new URL("../../packaging/debian/", import.meta.url);
  for await (const { name } of Deno.readDir(folder)) {
    if (!/\.(?:pre|post)(?:inst|rm)$/.test(name)) continue;
    const text = await Deno.readTextFile(new URL(name, folder));
    const calls = text.match(/(?:systemctl|invoke-rc\.d|deb-systemd-\w+|service)\b.*/g) ?? [];
    for (const call of calls.filter((call) => !/^service\b/.test(call))) {
      assertMatch(call, /^systemctl --system daemon-reload /, name);
    }
  }
});
