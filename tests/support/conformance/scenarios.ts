import type { Scenario } from "./table.ts";
import { control } from "./tables/control.ts";
import { domains } from "./tables/domains.ts";
import { outstandingRequests } from "./tables/outstanding.ts";
import { permissions } from "./tables/permissions.ts";
import { requests } from "./tables/requests.ts";
import { transactions } from "./tables/transactions.ts";
import { guestVectors } from "./tables/vectors_guest.ts";
import { socketVectors } from "./tables/vectors_socket.ts";
import { watches } from "./tables/watches.ts";
import { wire } from "./tables/wire.ts";
import { advisories } from "./tables/xsa.ts";

/** All tables, in the order in which they are run. */
export const SCENARIOS: readonly Scenario[] = [
  ...socketVectors,
  ...guestVectors,
  ...requests,
  ...permissions,
  ...watches,
  ...transactions,
  ...control,
  ...domains,
  ...advisories,
  ...wire,
  ...outstandingRequests,
];
