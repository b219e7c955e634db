import { leavingTests } from "./leaving.ts";

leavingTests("bookworm");
