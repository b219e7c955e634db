import { principalTests } from "./principal.ts";

principalTests("bookworm");
