import { nothingChanged, nothingToDo, readAsked } from "./juju/quiet.ts";

/** Hooks in which an unchanged unit has nothing to do. In the others there is always something. */
const quietHooks = new Set([
  "install",
  "start",
  "config-changed",
  "update-status",
  "secret-changed",
  "leader-elected",
  "juju-info-relation-created",
  "juju-info-relation-joined",
  "juju-info-relation-changed",
]);

async function hook(name: string, args: readonly string[]): Promise<void> {
  const [config = "", secret = ""] = args;
  if (name.startsWith("actions/")) {
    const asked = config === "" ? undefined : readAsked({ config, secret });
    await (await import("./full.ts")).actionHere(name.slice("actions/".length), asked);
  } else if (name === "stop" || name === "remove") {
    await (await import("./full.ts")).undoHere();
  } else if (name === "self-heal") {
    if (!nothingChanged()) await (await import("./full.ts")).healHere();
  } else if (quietHooks.has(name)) {
    const asked = nothingToDo({ config, secret });
    if (asked !== undefined) await (await import("./full.ts")).reconcileHere(asked);
  } else if (name === "upgrade-charm") {
    // Juju's only word of a file that was attached.
    await (await import("./full.ts")).reconcileHere(readAsked({ config, secret }));
  }
}

/** Which door: the command `capi-graft`, a run of the watch, or a hook or action (of Juju, named by JUJU_DISPATCH_PATH). */
async function main(door: string | undefined, args: readonly string[]): Promise<number> {
  if (door === "cli") return await (await import("./full.ts")).cli(args);
  if (door !== "watch") await hook(process.env["JUJU_DISPATCH_PATH"]?.replace("hooks/", "") ?? "", args);
  else if (!nothingChanged()) await (await import("./full.ts")).watchHere();
  return 0;
}

main(process.argv[2], process.argv.slice(3)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  },
);
