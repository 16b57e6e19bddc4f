/** `xs` as it would be without counters: what bench/counting_load.ts compares with. */
import { leaveOutCounting } from "./leave_out_counting.ts";

leaveOutCounting();
await import("../cmd/main.ts");
