import { rollTests } from "./roll.ts";

rollTests("bookworm");
