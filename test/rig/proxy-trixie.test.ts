import { proxyTests } from "./proxy.ts";

proxyTests("trixie");
