import type { Conductor } from "../../src/conductor/conductor.ts";

/** A conductor as it is found on a machine, of the kind whose API takes the same arguments. */
export const conductorFacts: Conductor = {
  daemon: { user: "magnum", group: "magnum", uid: 111, gid: 112 },
  home: "/var/lib/magnum",
  python: "/usr/bin/python3",
  pythonPackages: "/usr/local/lib/python3.11/dist-packages",
  architecture: "amd64",
  hasApi: true,
  apiTakesConfigArguments: true,
};
