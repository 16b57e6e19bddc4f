/** Makes Debian packages: the same commit gives the same bytes. */
import { neededGlibc } from "./binary.ts";
import { run } from "./run.ts";
import type { Release } from "./release.ts";
import { stageClients, stageDaemon } from "./contents.ts";
import { Staging } from "./staging.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

export interface DebOptions {
  readonly release: Release;
  readonly binary: string;
  /** The folder for the packages. */
  readonly out: string;
  /** How hard xz tries, 0 to 9; null for no compression. */
  readonly level: number | null;
  /** The layouts of the store, and the first version that reads each: `2:0.1.0 3:0.2.0`. */
  readonly layouts: string;
}

interface Package {
  readonly name: "xs" | "xenstored-xs";
  readonly architecture: "amd64" | "all";
  readonly scripts: readonly string[];
  readonly conffiles: readonly string[];
  readonly stage: (files: Staging) => Promise<void>;
}

/** What packaging/debian/layouts says, in one line. */
export async function readLayouts(): Promise<string> {
  const text = await Deno.readTextFile(`${ROOT}packaging/debian/layouts`);
  const steps = text.split("\n").filter((line) => /^\d/.test(line));
  return steps.map((line) => line.trim().split(/\s+/).join(":")).join(" ");
}

/** Writes both packages; returns their paths. */
export async function makeDebs(options: DebOptions): Promise<string[]> {
  const packages: readonly Package[] = [
    {
      name: "xs",
      architecture: "amd64",
      scripts: [],
      conffiles: [],
      stage: (files) => stageClients(files, options.binary, options.release),
    },
    {
      name: "xenstored-xs",
      architecture: "all",
      scripts: ["postinst", "prerm", "postrm"],
      conffiles: ["/etc/needrestart/conf.d/xs.conf"],
      stage: (files) => stageDaemon(files, options.release),
    },
  ];
  await Deno.mkdir(options.out, { recursive: true });
  const made: string[] = [];
  for (const each of packages) made.push(await makeDeb(each, options));
  return made;
}

async function makeDeb(each: Package, options: DebOptions): Promise<string> {
  const { binary, layouts, out, level, release } = options;
  const folder = await Deno.makeTempDir({ dir: out, prefix: "stage-" });
  try {
    await Deno.chmod(folder, 0o755);
    const { maintainer, version } = release;
    const values: Record<string, string> = {
      VERSION: version,
      MAINTAINER: maintainer,
      LAYOUTS: layouts,
      DENO: Deno.version.deno,
      VEIGHT: Deno.version.v8,
    };
    const files = new Staging(folder, values);
    await each.stage(files);
    await stageDebian(files, each, release);
    values.SIZE = String(await kibibytes(folder));
    values.GLIBC = each.name === "xs" ? await neededGlibc(binary) : "";
    const control = await files.template(`packaging/debian/${each.name}.control`);
    await files.text("/DEBIAN/control", control);
    for (const script of each.scripts) {
      const text = await files.template(`packaging/debian/${each.name}.${script}`);
      await files.text(`/DEBIAN/${script}`, text, 0o755);
    }
    if (each.conffiles.length > 0) {
      await files.text("/DEBIAN/conffiles", each.conffiles.map((path) => `${path}\n`).join(""));
    }
    await files.text("/DEBIAN/md5sums", await md5sums(folder));
    await setTimes(folder, release.epoch);
    const deb = `${out}/${each.name}_${version}_${each.architecture}.deb`;
    const compression = level === null ? ["-Znone"] : ["-Zxz", `-z${level}`];
    const args = ["--root-owner-group", ...compression, "--build", folder, deb];
    await run("dpkg-deb", args, { env: { SOURCE_DATE_EPOCH: String(release.epoch) } });
    return deb;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What Debian wants of each package: licences, changes, and which complaints of lintian are meant. */
async function stageDebian(files: Staging, { name }: Package, release: Release): Promise<void> {
  const doc = `/usr/share/doc/${name}`;
  await files.text(`${doc}/copyright`, await files.template("packaging/debian/copyright"));
  await files.gzipped(`${doc}/changelog.Debian`, debianChangelog(release));
  await files.gzipped(`${doc}/changelog`, await Deno.readTextFile(`${ROOT}CHANGELOG.md`));
  const overrides = await Deno.readTextFile(`${ROOT}packaging/debian/${name}.lintian-overrides`);
  await files.text(`/usr/share/lintian/overrides/${name}`, overrides);
}

function debianChangelog({ epoch, maintainer, version }: Release): string {
  const date = new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");
  return `xs (${version}) unstable; urgency=medium

  * Made from this commit; changelog.gz tells what has changed.

 -- ${maintainer}  ${date}
`;
}

async function* filesBelow(folder: string, below = ""): AsyncGenerator<string> {
  const entries = await Array.fromAsync(Deno.readDir(`${folder}${below}`));
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, isDirectory, isFile } of entries) {
    const path = `${below}/${name}`;
    if (isDirectory) yield* filesBelow(folder, path);
    else if (isFile) yield path;
  }
}

async function kibibytes(folder: string): Promise<number> {
  let sum = 0;
  for await (const path of filesBelow(folder)) {
    sum += Math.ceil((await Deno.stat(`${folder}${path}`)).size / 1024);
  }
  return sum;
}

async function md5sums(folder: string): Promise<string> {
  const paths = (await Array.fromAsync(filesBelow(folder)))
    .filter((path) => !path.startsWith("/DEBIAN/"))
    .map((path) => path.slice(1));
  return await run("md5sum", paths, { cwd: folder });
}

async function setTimes(folder: string, epoch: number): Promise<void> {
  const args = [folder, "-exec", "touch", "-h", "-d", `@${epoch}`, "{}", "+"];
  await run("find", args);
}
