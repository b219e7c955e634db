import { lifeTests } from "./life.ts";

lifeTests("trixie", "4.0.15");
