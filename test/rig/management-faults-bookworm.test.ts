import { managementFaultTests } from "./management-faults.ts";

managementFaultTests("bookworm");
