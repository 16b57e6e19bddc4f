/**
 * A test that needs something which the machine may lack. Where `missing` gives a reason, the test
 * is skipped and the reason printed; the test runner counts it, and CI takes it for a failure.
 */
export function testUnless(
  missing: string | undefined,
  name: string,
  run: (t: Deno.TestContext) => Promise<void> | void,
): void {
  if (missing !== undefined) console.log(`skipped: ${name}: ${missing}`);
  Deno.test({ name, ignore: missing !== undefined, fn: run });
}

/** Why what needs a file can't run here, in words that say what to install; undefined where it can. */
export async function missingFile(
  path: string,
  debianPackage: string,
): Promise<string | undefined> {
  try {
    await Deno.stat(path);
    return undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return `no ${path}: apt-get install ${debianPackage}`;
  }
}
