import { deferredTests } from "./deferred.ts";

deferredTests("bookworm");
