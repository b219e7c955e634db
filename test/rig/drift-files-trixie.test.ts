import { driftFilesTests } from "./drift-files.ts";

driftFilesTests("trixie");
