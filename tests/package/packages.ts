/** Packages for tests: made of the compiled binary, quickly. */
import { type DebOptions, makeDebs, readLayouts } from "../../scripts/package/deb.ts";
import { missingFile } from "../support/skip.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
export const BINARY = Deno.env.get("XS_BINARY") ?? `${ROOT}build/xs`;

/** Why packages can't be made here; undefined where they can. */
export async function packagesMissing(): Promise<string | undefined> {
  return await missingFile("/usr/bin/dpkg-deb", "dpkg") ??
    await missingFile(BINARY, "(none: run deno task compile)");
}

const RELEASE = {
  version: "0.1.0+git20260101000000.0123456789-1",
  epoch: 1767225600,
  maintainer: "The xs maintainers <xs@example.org>",
} as const;

/** Makes both packages in `out`; returns their paths. */
export async function makeTestDebs(
  out: string,
  changes: Partial<DebOptions> = {},
): Promise<string[]> {
  const layouts = await readLayouts();
  return await makeDebs({ release: RELEASE, binary: BINARY, out, level: 0, layouts, ...changes });
}

/** The release of the tests, under another version. */
export function releaseOf(version: string): DebOptions["release"] {
  return { ...RELEASE, version };
}
