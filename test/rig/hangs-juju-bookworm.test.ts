import { hangingCommandsTests } from "./hangs-juju.ts";

hangingCommandsTests("bookworm");
