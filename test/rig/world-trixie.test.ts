import { worldTests } from "./world.ts";

worldTests("trixie");
