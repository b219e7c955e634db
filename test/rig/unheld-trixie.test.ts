import { unheldTests } from "./unheld.ts";

unheldTests("trixie");
