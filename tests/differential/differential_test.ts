import { referenceMissing } from "../support/reference/daemon.ts";
import { Lockstep, type Summary } from "./lockstep.ts";
import { numberFrom } from "../support/number_from.ts";
import { testUnless } from "../support/skip.ts";
import { type Kind, startSide } from "./servers.ts";

/** Connections of the stream: enough for overlapping transactions and watches on each other. */
const CONNECTIONS = 4;

/** Requests against C; CI runs all of them. */
const REQUESTS = 100_000;

/** Requests of C against C: enough to show that the harness itself makes no difference. */
const SELF_CHECK_REQUESTS = 3_000;

async function compare(ours: Kind, requests: number): Promise<Summary> {
  const seed = numberFrom("XS_SEED", 20_261_121);
  console.log(`seed ${seed}: C xenstored against ${ours}, ${requests} requests`);
  await using left = await startSide("C xenstored", CONNECTIONS);
  await using right = await startSide(ours, CONNECTIONS);
  const summary = await new Lockstep(left, right, seed).run(requests);
  console.log(
    `${summary.requests} requests, ${summary.events} events, ${summary.trees} trees compared; ` +
      `allowed differences: ${JSON.stringify(Object.fromEntries(summary.allowed))}`,
  );
  return summary;
}

const missing = await referenceMissing();

testUnless(missing, "C xenstored against itself: the harness makes no difference", async () => {
  const summary = await compare("C xenstored", numberFrom("XS_DIFF_REQUESTS", SELF_CHECK_REQUESTS));
  if (summary.allowed.size > 0) throw new Error("C against C needs no allowed difference");
});

testUnless(missing, "xs answers as C xenstored does", async () => {
  await compare("xs", numberFrom("XS_DIFF_REQUESTS", REQUESTS));
});
