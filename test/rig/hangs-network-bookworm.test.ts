import { hangingNetworkTests } from "./hangs-network.ts";

hangingNetworkTests("bookworm");
