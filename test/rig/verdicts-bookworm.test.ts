import { verdictTests } from "./verdicts.ts";

verdictTests("bookworm");
