import { rbacTests } from "./rbac.ts";

rbacTests("bookworm");
