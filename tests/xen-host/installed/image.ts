/**
 * The first root of a dom0 that is a Debian with systemd, as an administrator has it: Xen's packages
 * are installed in it by dpkg, and ours as each boot wants it.
 */
import { makeDebs, readLayouts } from "../../../scripts/package/deb.ts";
import { DebianRoot, debianRoot, debianRootMissing, must } from "../../support/debian_root.ts";
import { CpioArchive } from "../cpio.ts";
import { type Packages, Unavailable } from "../packages.ts";

/** The boots: what is done to the host before, and checked when it runs. */
export const INSTALLED_BOOTS = ["installed", "switched"] as const;

export type InstalledBoot = typeof INSTALLED_BOOTS[number];

const INCLUDE = [
  "busybox-static",
  "kmod",
  "libxenevtchn1",
  "libxengnttab1",
  "systemd-sysv",
  "xen-utils-4.17",
  "xenstore-utils",
];
const MODULES = ["xen-privcmd", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xenfs"];
const C_XENSTORED = "/usr/lib/xen-4.17/bin/xenstored";
/** What no program of the host reads here. */
const LEFT_OUT =
  /^\/(?:dev|proc|sys|tmp|usr\/share\/(?:doc|locale|man|zoneinfo)|var\/(?:cache|lib\/apt))\//;
/** Units that have nothing to do on this host, and take long in emulation. */
const MASKED = [
  "apt-daily.timer",
  "apt-daily-upgrade.timer",
  "dpkg-db-backup.timer",
  "e2scrub_all.timer",
  "fstrim.timer",
  "getty.target",
  "systemd-logind.service",
  "systemd-random-seed.service",
  "systemd-update-utmp.service",
];

const OLDER = "0.1.0+git20260101000000.0000000001-1";
const NEWER = "0.1.0+git20260201000000.0000000002-1";

export interface InstalledOptions {
  readonly xs: string;
  readonly storeLoop: string;
  /** The guests' first root. */
  readonly guest: string;
}

/** Writes the first root of a boot to `destination`. */
export async function buildInstalledImage(
  boot: InstalledBoot,
  packages: Packages,
  options: InstalledOptions,
  destination: string,
): Promise<void> {
  const missing = await debianRootMissing();
  if (missing !== undefined) throw new Unavailable(missing);
  await using root = await DebianRoot.copyOf(await debianRoot("xen-host", INCLUDE));
  await addHost(root, packages, options);
  await addDebs(root, boot === "installed" ? [OLDER, NEWER] : [OLDER], options);
  if (boot === "installed") await installed(root);
  else await switched(root);
  const scripts = new URL("../", import.meta.url).pathname;
  await must(
    "cp",
    `${scripts}lib.sh`,
    `${scripts}dom0/guests.sh`,
    `${scripts}dom0/loops.sh`,
    `${root.path}/rig`,
  );
  await must("cp", `${scripts}installed/common.sh`, `${root.path}/rig`);
  await must("cp", `${scripts}installed/${boot}.sh`, `${root.path}/rig/main.sh`);
  const archive = new CpioArchive();
  // Linux runs this one of its first root.
  archive.link("/init", "/lib/systemd/systemd");
  await addFolder(archive, root.path);
  await archive.write(destination);
}

/** The kernel's modules, the guests, and the unit that runs the checks. */
async function addHost(
  root: DebianRoot,
  packages: Packages,
  options: InstalledOptions,
): Promise<void> {
  const at = (path: string): string => `${root.path}${path}`;
  const modules = `/lib/modules/${packages.kernel}`;
  await must("mkdir", "-p", at(modules), at("/rig"), at("/boot"), at("/var/log/xen/console"));
  for (const name of MODULES) {
    const source = (await must("find", `${packages.root}${modules}`, "-name", `${name}.ko`)).trim();
    await must("cp", source, at(modules));
  }
  await must("sh", "-c", `cp ${packages.root}${modules}/modules.* ${at(modules)}`);
  await must("chroot", root.path, "/sbin/depmod", packages.kernel);
  await must("cp", packages.vmlinux, at("/boot/vmlinux"));
  await must("cp", options.guest, at("/boot/guest.cpio"));
  await must("cp", options.storeLoop, at("/usr/bin/store_loop"));
  await Deno.writeTextFile(at("/etc/xen/xl.conf"), 'autoballoon="off"\n', { append: true });
  await Deno.writeTextFile(at("/etc/machine-id"), "0123456789abcdef0123456789abcdef\n");
  await Deno.writeTextFile(
    at("/etc/default/xen"),
    'XENCONSOLED_ARGS="--log=guest --log-dir=/var/log/xen/console"\n',
    { append: true },
  );
  await Deno.writeTextFile(at("/etc/systemd/system/rig.service"), RIG_UNIT);
  const wants = at("/etc/systemd/system/multi-user.target.wants");
  await must("mkdir", "-p", wants);
  await Deno.symlink("../rig.service", `${wants}/rig.service`);
  await must(
    "ln",
    "-sf",
    "/lib/systemd/system/multi-user.target",
    at("/etc/systemd/system/default.target"),
  );
  for (const unit of MASKED) {
    await must("ln", "-sf", "/dev/null", at(`/etc/systemd/system/${unit}`));
  }
}

const RIG_UNIT = `[Unit]
Description=The checks
After=xen.service xendomains.service
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/busybox sh -c 'exec /bin/busybox sh /rig/main.sh >/dev/console 2>&1'
Environment=PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/xen-4.17/bin HOME=/tmp DENO_DIR=/tmp/deno
`;

/** The packages of our own, in /rig/debs, a folder for each version. */
async function addDebs(
  root: DebianRoot,
  versions: readonly string[],
  { xs }: InstalledOptions,
): Promise<void> {
  for (const [i, version] of versions.entries()) {
    const out = `${root.path}/rig/debs/${i + 1}`;
    await Deno.mkdir(out, { recursive: true });
    const release = {
      version,
      epoch: 1767225600,
      maintainer: "The xs maintainers <xs@example.org>",
    };
    // Nothing is compressed: the emulated host would take minutes to unpack it.
    await makeDebs({ release, binary: xs, out, level: null, layouts: await readLayouts() });
  }
}

async function dpkg(root: DebianRoot, ...args: readonly string[]): Promise<void> {
  const { code, text } = await root.run("sh", ["-c", `dpkg ${args.join(" ")}`]);
  if (code !== 0) throw new Error(`dpkg ${args.join(" ")}: ${text}`);
}

/** The packages are installed, and nothing else is done. */
async function installed(root: DebianRoot): Promise<void> {
  await dpkg(root, "-i", "/rig/debs/1/*.deb");
  await Deno.remove(`${root.path}/rig/debs/1`, { recursive: true });
}

/** The packages were installed, and were removed again; the host's choice is C xenstored. */
async function switched(root: DebianRoot): Promise<void> {
  await dpkg(root, "-i", "/rig/debs/1/*.deb");
  await dpkg(root, "-r", "xenstored-xs", "xs");
  const choice = `XENSTORED=${C_XENSTORED}\n`;
  await Deno.writeTextFile(`${root.path}/etc/default/xen`, choice, { append: true });
}

async function addFolder(archive: CpioArchive, root: string, below = ""): Promise<void> {
  for await (const { isDirectory, isFile, isSymlink, name } of Deno.readDir(`${root}${below}`)) {
    const path = `${below}/${name}`;
    if (isDirectory) {
      archive.folder(path);
      if (!LEFT_OUT.test(`${path}/`)) await addFolder(archive, root, path);
    } else if (LEFT_OUT.test(path)) continue;
    else if (isSymlink) archive.link(path, await Deno.readLink(`${root}${path}`));
    else if (isFile) {
      const { mode } = await Deno.stat(`${root}${path}`);
      archive.file(path, await Deno.readFile(`${root}${path}`), (mode ?? 0o644) & 0o7777);
    }
  }
}
