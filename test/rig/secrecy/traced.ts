import type { ExecOptions, Machine } from "../../support/juju/machine.ts";
import type { Conductor } from "../conductor.ts";
import { sh } from "../look.ts";

/** Where the traces are, in the container. */
export const traces = "/run/rig-traces";

const strace = (file: string) =>
  `strace -f --seccomp-bpf -qq -A -e trace=execve,execveat -e signal=none -v -s 1000000 -o ${traces}/${file}`;

/** The machine of a conductor on which each program may leave a core, and is followed with all that it starts. */
export async function tracedMachine(conductor: Conductor): Promise<Machine> {
  await sh(conductor, `mkdir -m 0700 ${traces}`);
  let count = 0;
  const traced = (argv: readonly string[]): readonly string[] => {
    count += 1;
    return ["/bin/sh", "-c", `ulimit -c unlimited; exec ${strace(String(count))} "$@"`, "sh", ...argv];
  };
  return {
    root: conductor.root,
    exec: (argv, options?: ExecOptions) => conductor.exec(traced(argv), options),
    spawn: (argv, options?: ExecOptions) => conductor.spawn(traced(argv), options),
  };
}

/** Follows the runs of the watch too, and what the stand-in for Juju's agent runs for it. The watch itself is muted. */
export async function traceWatch(conductor: Conductor, charm: string): Promise<void> {
  const folder = "/run/systemd/system/magnum-capi-helm-watch.service.d";
  const start = `ExecStart=\nExecStart=${strace("watch")} ${charm}/bin/node ${charm}/dist/main.cjs watch`;
  const wrapper = `#!/bin/bash
front=(); while [ "$1" != -- ]; do front+=("$1"); shift; done; shift
exec /usr/bin/systemd-run.real "\${front[@]}" -- ${strace("agent")}.$$ "$@"`;
  await sh(
    conductor,
    `cat >${folder}/traced.conf <<'END'\n[Service]\n${start}\nEND
    mv /usr/bin/systemd-run /usr/bin/systemd-run.real
    cat >/usr/bin/systemd-run <<'END'\n${wrapper}\nEND
    chmod 0755 /usr/bin/systemd-run; systemctl daemon-reload`,
  );
}
