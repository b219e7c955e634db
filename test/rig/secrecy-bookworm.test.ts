import { secrecyTests } from "./secrecy.ts";

secrecyTests("bookworm");
