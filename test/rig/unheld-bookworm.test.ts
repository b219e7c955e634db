import { unheldTests } from "./unheld.ts";

unheldTests("bookworm");
