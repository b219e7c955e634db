import { gateTests } from "./gates.ts";

gateTests("trixie");
