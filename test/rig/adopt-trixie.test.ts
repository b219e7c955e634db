import { adoptTests } from "./adopt.ts";

adoptTests("trixie");
