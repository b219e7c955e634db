import { refusalTests } from "./refusal.ts";

refusalTests("trixie");
