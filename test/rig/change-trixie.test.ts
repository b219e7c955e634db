import { changeTests } from "./change.ts";

changeTests("trixie");
