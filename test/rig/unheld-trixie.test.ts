import { unheldChanges } from "./faults/unheld-changes.ts";
import { unheldTests } from "./unheld.ts";

unheldTests(
  "trixie",
  unheldChanges.filter(({ dependsOn }) => dependsOn !== undefined),
);
