import { managementCostTests } from "./management-cost.ts";

managementCostTests("bookworm");
