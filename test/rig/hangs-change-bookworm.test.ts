import { hangingChangesTests } from "./hangs-change.ts";

hangingChangesTests("bookworm");
