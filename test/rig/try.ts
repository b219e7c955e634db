import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { execa } from "execa";
import type { HookResult } from "../support/juju/hook-runner.ts";
import { liveClones } from "./clones.ts";
import { type Conductor, findConductor } from "./conductor.ts";
import { missingParts } from "./prerequisites.ts";
import { isRecipeName } from "./recipe.ts";
import { kubeconfig, makeSite, mirrorOptions, type Site } from "./site.ts";

const name = "try";

const help = `npm run try [-- --recipe bookworm|trixie | --down]

Boots a real Magnum conductor in a container, runs the packed charm through a unit's life beside it, and shows what it
finds, does and proves. Leaves the container up; --down takes it away.
`;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function title(text: string): void {
  say(`\n== ${text}`);
}

/** Prints what a program in the container says, as it says it. Throws where it ends with another code than `codes`. */
async function show(conductor: Conductor, argv: readonly string[], codes: readonly number[]): Promise<void> {
  say(`$ ${argv.join(" ").replace(/^\S*\/bin\/node \S*main\.cjs cli/, "capi-graft")}`);
  const { code, stdout, stderr } = await conductor.exec(argv);
  say(`${stdout}${stderr}`.trimEnd());
  if (!codes.includes(code)) throw new Error(`${argv.join(" ")} ended with ${code}`);
}

/** Prints what is logged while hooks run, then each hook with its time, and the status that it left. */
async function tell(site: Site, work: Promise<readonly HookResult[]>): Promise<void> {
  let shown = (await site.unit.log()).length;
  const showNew = async () => {
    const lines = (await site.unit.log()).slice(shown);
    shown += lines.length;
    for (const { level, message } of lines) say(`  ${level} ${message}`);
  };
  const done = work.then(() => true);
  while (!(await Promise.race([done, sleep(500, false)]))) await showNew();
  await showNew();
  for (const { hook, code, ms, calls } of await work) {
    say(`  hook ${hook}: exit ${code}, ${Math.round(ms)} ms, ${calls.length} hook commands`);
    if (code !== 0) throw new Error(`hook ${hook} ended with ${code}`);
  }
  const { status, message } = await site.unit.status();
  say(`  status: ${status} - ${message}`);
}

async function one(work: Promise<HookResult>): Promise<readonly HookResult[]> {
  return [await work];
}

async function expectStatus(site: Site, wanted: string): Promise<void> {
  const { status, message } = await site.unit.status();
  if (status !== wanted) throw new Error(`the unit is ${status}, not ${wanted}: ${message}`);
}

async function writeOptions(site: Site): Promise<string> {
  const options = { ...mirrorOptions(), kubeconfig: "/root/kubeconfig.yaml" };
  const lines = Object.entries(options).map(([key, value]) => `${key}: "${value}"\n`);
  await site.conductor.exec(["sh", "-c", "umask 077; cat > /root/kubeconfig.yaml"], { input: kubeconfig() });
  await site.conductor.exec(["sh", "-c", "cat > /root/options.yaml"], { input: lines.join("") });
  return "/root/options.yaml";
}

async function life(site: Site): Promise<void> {
  const { conductor, unit } = site;
  title("juju deploy, juju integrate: the unit's first hooks, before a kubeconfig is set");
  await tell(site, unit.deploy());
  await expectStatus(site, "blocked");

  title("the plan: what differs on the conductor, old and new");
  const program = [`${unit.charmFolder}/bin/node`, `${unit.charmFolder}/dist/main.cjs`, "cli"];
  await show(conductor, [...program, "plan", "--config", await writeOptions(site)], [2]);

  title("juju config kubeconfig=secret:...: the apply (the services are watched for 12 s)");
  await tell(site, one(unit.configure({ kubeconfig: site.secret })));
  await expectStatus(site, "active");

  title("the proof, from the daemons' point of view");
  await show(conductor, ["capi-graft", "verify"], [0]);
  await show(conductor, ["magnum-driver-manage", "list-drivers"], [0]);

  title("update-status: nothing to do");
  await tell(site, one(unit.runHook("update-status")));
}

async function drift(site: Site): Promise<void> {
  const { conductor, unit } = site;
  title("drift, done on purpose: the drop-in edited, the driver uninstalled");
  const dropIn = "/etc/magnum/magnum.conf.d/00-capi-helm.conf";
  await show(
    conductor,
    ["sed", "-i", "s/^default_helm_chart_version.*/default_helm_chart_version = 0.10.1/", dropIn],
    [0],
  );
  const uninstall = [
    "env",
    "PIP_BREAK_SYSTEM_PACKAGES=1",
    "PIP_ROOT_USER_ACTION=ignore",
    "python3",
    "-m",
    "pip",
  ];
  await show(conductor, [...uninstall, "uninstall", "--yes", "--quiet", "magnum-capi-helm"], [0]);
  await show(conductor, ["capi-graft", "plan"], [2]);

  title("the next hook repairs it");
  await tell(site, one(unit.runHook("update-status")));
  await expectStatus(site, "active");
  await show(conductor, ["capi-graft", "plan"], [0]);
}

async function takeDown(): Promise<boolean> {
  if (!(await liveClones()).some((it) => it.name === name)) return false;
  await (await findConductor(name)).down();
  return true;
}

async function run(recipe: string): Promise<void> {
  if (!isRecipeName(recipe)) throw new Error(`--recipe ${recipe}: accepted are bookworm and trixie`);
  if (await takeDown()) say("took the container of the last time down");
  title("packing the charm");
  await execa("node", ["build/build.ts"], { stdio: "inherit", preferLocal: true, timeout: 600_000 });
  title(`booting a Magnum conductor (${recipe}); the first time it is provisioned, which takes minutes`);
  const site = await makeSite(recipe, { name, keep: true });
  await life(site);
  await drift(site);
  title("the conductor is up, grafted and yours");
  say(`  enter it:                npm run rig -- exec ${name}
  try the command in it:   npm run rig -- exec ${name} -- capi-graft --help
  take it away:            npm run try -- --down`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      recipe: { type: "string", default: "bookworm" },
      down: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) return say(help);
  const missing = missingParts();
  if (missing.length > 0) {
    say(`this machine can't boot a conductor, it lacks ${missing.join("; ")}`);
    say("what still runs here: npm run lint, npm run types, npm run unit, npm run build");
    process.exitCode = 1;
    return;
  }
  if (values.down) return say((await takeDown()) ? "it is down" : "it was not up");
  await run(values.recipe);
}

await main();
