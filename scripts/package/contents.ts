/** What lies where in the two packages, whatever their format. */
import { completionScripts } from "../../cmd/commands/completions.ts";
import { manPages } from "../man/pages.ts";
import type { Release } from "./release.ts";
import type { Staging } from "./staging.ts";

const UNITS = "/usr/lib/systemd/system";

/** What operators and users read; the rest of docs/ is for who changes xs. */
const DOCUMENTS = [
  "binary",
  "clients",
  "compatibility",
  "debugging",
  "durability",
  "fleet",
  "glossary",
  "install",
  "migration",
  "operations",
  "security",
] as const;

const DAEMON_PAGE = "xenstored-xs.8";

/** The manual pages of one of the packages. */
export async function stagePages(
  files: Staging,
  { epoch, version }: Release,
  of: "clients" | "daemon",
): Promise<void> {
  const date = new Date(epoch * 1000).toISOString().slice(0, 10);
  for (const [name, text] of await manPages({ date, version: version.replace(/\+.*/, "") })) {
    if ((name === DAEMON_PAGE) === (of === "daemon")) {
      await files.gzipped(`/usr/share/man/man${name.at(-1)}/${name}`, text);
    }
  }
}

/** The package `xs`: the program, and what tells of it. It activates nothing. */
export async function stageClients(
  files: Staging,
  binary: string,
  release: Release,
  zsh = "/usr/share/zsh/vendor-completions",
): Promise<void> {
  await files.copy(binary, "/usr/bin/xs", 0o755);
  await files.text("/usr/share/bash-completion/completions/xs", completionScripts.bash);
  await files.text(`${zsh}/_xs`, completionScripts.zsh);
  await files.text("/usr/share/fish/vendor_completions.d/xs.fish", completionScripts.fish);
  await stagePages(files, release, "clients");
  await files.copy("README.md", "/usr/share/doc/xs/README.md");
  for (const name of DOCUMENTS) {
    await files.copy(`docs/${name}.md`, `/usr/share/doc/xs/docs/${name}.md`);
  }
}

/** The package `xenstored-xs`: what makes the program the host's daemon. */
export async function stageDaemon(files: Staging, release: Release): Promise<void> {
  await stagePages(files, release, "daemon");
  await files.link("/usr/libexec/xs/xenstored", "../../bin/xs");
  await files.copy("packaging/debian/host-ready", "/usr/libexec/xs/host-ready", 0o755);
  for (const unit of ["xs-xenfs.service", "xs-xenstored.service"]) {
    await files.copy(`systemd/${unit}`, `${UNITS}/${unit}`);
  }
  await files.copy("systemd/xen.service.d/50-xs.conf", `${UNITS}/xen.service.d/50-xs.conf`);
  await files.copy("packaging/debian/needrestart.conf", "/etc/needrestart/conf.d/xs.conf");
}
