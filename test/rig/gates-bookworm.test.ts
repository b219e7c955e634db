import { gateTests } from "./gates.ts";

gateTests("bookworm");
