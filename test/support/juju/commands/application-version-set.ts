import { UsageError } from "../gnu-flags.ts";
import { type HookCommand, refuseExtra } from "../hook-command.ts";

/** `application-version-set`: the version that `juju status` shows. */
export const applicationVersionSet: HookCommand = {
  usage: "application-version-set <new-version>",
  formats: [],
  flags: () => [],
  run({ args }) {
    const [version, ...extra] = args;
    if (version === undefined) throw new UsageError("no version specified");
    refuseExtra(extra);
    return { changes: { "workload-version": version } };
  },
};
