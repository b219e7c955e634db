import { paths } from "./paths.ts";

/** Where the daemons' inputs are: on the unit itself, or in a staged copy of what they would be after a change. */
export interface Roots {
  /** Directory of the files that the init scripts source. */
  readonly defaults: string;
  readonly dropInDirectory: string;
  readonly dropIn: string;
  readonly conductorInit: string;
  readonly apiInit: string;
  /** Directory that stands before the interpreter's own ones; none on the unit itself. */
  readonly packages?: string;
}

/** The unit itself. */
export const liveRoots: Roots = {
  defaults: paths.defaults,
  dropInDirectory: paths.dropInDirectory,
  dropIn: paths.dropIn,
  conductorInit: paths.conductorInit,
  apiInit: paths.apiInit,
};

/** A staged copy below `directory`. */
export function stagedRoots(directory: string): Roots {
  const dropInDirectory = `${directory}/magnum.conf.d`;
  return {
    defaults: `${directory}/default`,
    dropInDirectory,
    dropIn: `${dropInDirectory}/${paths.dropIn.slice(paths.dropInDirectory.length + 1)}`,
    conductorInit: `${directory}/init.d/magnum-conductor`,
    apiInit: `${directory}/init.d/magnum-api`,
    packages: `${directory}/packages`,
  };
}

/** A shell command in the environment that the files of /etc/default make for the conductor. */
export function afterDefaults({ defaults }: Roots, command: string): string {
  return `
DAEMON_ARGS=
for file in ${defaults}/openstack ${defaults}/magnum-conductor; do
  if [ -r "$file" ]; then . "$file"; fi
done
${command}
`;
}
