import { unheldChanges } from "./faults/unheld-changes.ts";
import { unheldTests } from "./unheld.ts";

unheldTests("bookworm", unheldChanges);
