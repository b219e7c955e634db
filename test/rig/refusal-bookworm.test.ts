import { refusalTests } from "./refusal.ts";

refusalTests("bookworm");
