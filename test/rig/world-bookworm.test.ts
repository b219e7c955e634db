import { worldTests } from "./world.ts";

worldTests("bookworm");
