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
