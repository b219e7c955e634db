import { togetherTests } from "./together.ts";

togetherTests("bookworm");
