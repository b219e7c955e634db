import { driftSoftwareTests } from "./drift-software.ts";

driftSoftwareTests("trixie");
