import { attachedTests } from "./attached.ts";

attachedTests("trixie", "4.0.15");
