import { driverLoginTests } from "./driver-login.ts";

driverLoginTests("bookworm");
