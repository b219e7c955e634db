import { lifeTests } from "./life.ts";

lifeTests("bookworm", "3.6.28");
