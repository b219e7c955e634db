import { adoptTests } from "./adopt.ts";

adoptTests("bookworm");
