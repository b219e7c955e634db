import { changeTests } from "./change.ts";

changeTests("bookworm");
