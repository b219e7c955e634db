import { nothingToDo } from "./juju/quiet.ts";

/** Hooks in which an unchanged unit has nothing to do. In the others there is always something. */
const quietHooks = new Set([
  "install",
  "start",
  "config-changed",
  "update-status",
  "secret-changed",
  "leader-elected",
  "upgrade-charm",
  "juju-info-relation-created",
  "juju-info-relation-joined",
  "juju-info-relation-changed",
]);

/** Which door: a hook (of Juju, named by JUJU_DISPATCH_PATH) or the command `capi-graft`. */
async function main(door: string | undefined, args: readonly string[]): Promise<number> {
  if (door === "cli") return await (await import("./full.ts")).cli(args);
  const hook = process.env["JUJU_DISPATCH_PATH"]?.replace("hooks/", "") ?? "";
  if (hook === "stop" || hook === "remove") {
    await (await import("./full.ts")).undoHere();
  } else if (quietHooks.has(hook)) {
    const [config = "", secret = ""] = args;
    const asked = nothingToDo({ config, secret });
    if (asked !== undefined) await (await import("./full.ts")).reconcileHere(asked);
  }
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
