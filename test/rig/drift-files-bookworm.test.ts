import { driftFilesTests } from "./drift-files.ts";

driftFilesTests("bookworm");
