import { attachedTests } from "./attached.ts";

attachedTests("bookworm", "3.6.28");
