import { removalTests } from "./removal.ts";

removalTests("bookworm");
