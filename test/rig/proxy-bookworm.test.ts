import { proxyTests } from "./proxy.ts";

proxyTests("bookworm");
