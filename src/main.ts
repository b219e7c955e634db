import { type Asked, nothingChanged, nothingToDo, peersAreNothing, readAsked } from "./juju/quiet.ts";

/** Hooks in which an unchanged unit has nothing to do. In the others there is always something. */
const quietHooks = new Set([
  "install",
  "start",
  "config-changed",
  "update-status",
  "secret-changed",
  "juju-info-relation-created",
  "juju-info-relation-joined",
  "juju-info-relation-changed",
]);

/** Juju's only word of a file that was attached; and that this unit leads, and has to know what the others tell. */
const loudHooks = new Set(["upgrade-charm", "leader-elected"]);

async function action(name: string, asked: Asked | undefined): Promise<void> {
  await (await import("./full.ts")).actionHere(name, asked);
}

async function reconcile(asked: Asked | undefined): Promise<void> {
  if (asked !== undefined) await (await import("./full.ts")).reconcileHere(asked);
}

async function hook(name: string, [config = "", secret = ""]: readonly string[]): Promise<void> {
  const files = { config, secret };
  if (quietHooks.has(name)) return await reconcile(nothingToDo(files));
  if (loudHooks.has(name)) return await reconcile(readAsked(files));
  if (name.startsWith("actions/"))
    return await action(name.slice("actions/".length), config === "" ? undefined : readAsked(files));
  if (name.startsWith("peers-relation-")) {
    if (!peersAreNothing()) await (await import("./full.ts")).peersHere(name);
  } else if (name === "stop" || name === "remove") {
    await (await import("./full.ts")).undoHere();
  } else if (name === "self-heal" && !nothingChanged()) {
    await (await import("./full.ts")).healHere();
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
