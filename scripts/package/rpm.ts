/** Makes RPM packages with Debian's or any other `rpmbuild`, for hosts with Xen's own xenstored.service. */
import { neededGlibc } from "./binary.ts";
import { stageClients, stagePages } from "./contents.ts";
import type { Release } from "./release.ts";
import { run } from "./run.ts";
import { Staging } from "./staging.ts";

export interface RpmOptions {
  readonly release: Release;
  readonly binary: string;
  /** The folder for the packages. */
  readonly out: string;
  /** How hard xz tries, 0 to 9; null for no compression. */
  readonly level: number | null;
}

/** Writes both packages; returns their paths. */
export async function makeRpms({ binary, level, out, release }: RpmOptions): Promise<string[]> {
  await Deno.mkdir(out, { recursive: true });
  const top = await Deno.makeTempDir({ dir: out, prefix: "rpm-" });
  try {
    const version = release.version.replace(/-1$/, "");
    const staging = `${top}/staging`;
    await Deno.mkdir(staging);
    const values = { VERSION: version, STAGING: staging, GLIBC: await neededGlibc(binary) };
    const files = new Staging(staging, values);
    await stageClients(files, binary, release, "/usr/share/zsh/site-functions");
    await stageDaemon(files, release);
    await Deno.writeTextFile(`${top}/xs.spec`, await files.template("packaging/rpm/xs.spec"));
    const payload = level === null ? "w.ufdio" : `w${level}.xzdio`;
    const macros = {
      _topdir: top,
      _rpmdir: out,
      _build_name_fmt: "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
      _binary_payload: payload,
      _buildhost: "localhost",
      use_source_date_epoch_as_buildtime: "1",
      clamp_mtime_to_source_date_epoch: "1",
    };
    const defines = Object.entries(macros).flatMap((
      [name, value],
    ) => ["--define", `${name} ${value}`]);
    const env = { SOURCE_DATE_EPOCH: String(release.epoch) };
    await run("rpmbuild", ["-bb", "--target", "x86_64", ...defines, `${top}/xs.spec`], { env });
    return ["xs", "xenstored-xs"].map((name) => `${out}/${name}-${version}-1.x86_64.rpm`);
  } finally {
    await Deno.remove(top, { recursive: true });
  }
}

/** The unit that systemd/xenstored.service is, by another name, with Xen's as an alias. */
async function stageDaemon(files: Staging, release: Release): Promise<void> {
  await files.link("/usr/libexec/xs/xenstored", "../../bin/xs");
  const unit = (await files.template("systemd/xenstored.service"))
    .replace(
      /^# .*\n(?:# .*\n)*/,
      "# xs in the place of Xen's own xenstored.service, whose name it takes when enabled.\n",
    )
    .replace("/usr/local/sbin/xenstored ", "/usr/libexec/xs/xenstored ")
    .replace(/^WantedBy=.*$/m, "$&\nAlias=xenstored.service");
  await files.text("/usr/lib/systemd/system/xs-xenstored.service", unit);
  await stagePages(files, release, "daemon");
}
