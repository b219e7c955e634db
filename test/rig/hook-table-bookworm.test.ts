import { hookTableTests } from "./hook-table.ts";

hookTableTests("bookworm");
