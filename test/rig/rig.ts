import { dirname } from "node:path";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { provisionArtifacts } from "./artifacts.ts";
import { cloneOf, liveClones, sweepClones } from "./clones.ts";
import { endClone, findConductor, startConductor } from "./conductor.ts";
import { enterHere } from "./enter.ts";
import { provisionBinaries } from "./management/binaries.ts";
import { missingParts } from "./prerequisites.ts";
import { provisionRoot } from "./provision.ts";
import { isRecipeName, type RecipeName, recipes } from "./recipe.ts";

const help = `Real Magnum conductors in containers, each a pristine copy, booted in a second or two.

Usage: npm run rig -- COMMAND

  up [--recipe RECIPE] [--name NAME]  boot a conductor that stays until it is taken down; prints its name
  exec NAME [--] [COMMAND...]         run a command in it as root (without one: a shell); exits as it does
  down NAME | --all                   take it away with all its processes and files; --all: every one of "up"
  list [--json]                       the conductors that run now, those of test runs too
  provision [RECIPE...]               fill the cache: roots, wheels, helm, Kubernetes (minutes the first time)

Recipes: ${Object.values(recipes)
  .map(({ name, suite, magnum, python }) => `${name} (Debian ${suite}, Magnum ${magnum}, Python ${python})`)
  .join(", ")}; default bookworm.
The cache is $XDG_CACHE_HOME/magnum-capi-helm/rig, by default below ~/.cache; it may be deleted when nothing runs.
Exit codes: 0 done, 1 failed, 64 wrong use; exec: the command's own.
`;

class WrongUse extends Error {}

const commands: Readonly<Record<string, (argv: string[]) => Promise<number>>> = {
  up,
  exec,
  down,
  list,
  provision,
};

async function main(argv: string[]): Promise<number> {
  const [word, ...rest] = argv;
  if (word === undefined) throw new WrongUse("a command is missing");
  const ownArguments = word === "exec" ? rest.slice(0, 1) : rest;
  if ([word, ...ownArguments].some((each) => each === "--help" || each === "-h")) {
    process.stdout.write(help);
    return 0;
  }
  const command = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (command === undefined) throw new WrongUse(`there is no command ${word}`);
  return await command(rest);
}

function demandParts(): void {
  const missing = missingParts();
  if (missing.length > 0) throw new Error(`this machine lacks\n  ${missing.join("\n  ")}`);
}

async function up(argv: string[]): Promise<number> {
  const { values } = parsed(argv, { recipe: { type: "string" }, name: { type: "string" } }, 0);
  const recipe = recipeNamed(values.recipe ?? "bookworm");
  const name = nameOf(values.name ?? recipe);
  demandParts();
  const start = performance.now();
  await startConductor({ recipe, name, keep: true });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stderr.write(
    `rig: ${name} (${recipe}) is up after ${seconds} s; enter: npm run rig -- exec ${name}; `,
  );
  process.stderr.write(`take away: npm run rig -- down ${name}\n`);
  process.stdout.write(`${name}\n`);
  return 0;
}

async function exec(argv: string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined) throw new WrongUse("exec needs the name of a conductor");
  const command = rest[0] === "--" ? rest.slice(1) : rest;
  if (command.length === 0 && !process.stdin.isTTY)
    throw new WrongUse("exec needs a command where no terminal is");
  const { leader } = await findConductor(nameOf(name));
  const { TERM = "dumb" } = process.env;
  const options = { env: { HOME: "/root", LANG: "C.UTF-8", TERM }, cwd: "/root" };
  return await enterHere(
    { leader, cgroups: cloneOf(name).cgroups },
    command.length > 0 ? command : ["bash", "-l"],
    options,
  );
}

async function down(argv: string[]): Promise<number> {
  const { values, positionals } = parsed(argv, { all: { type: "boolean" } }, 1);
  const [name] = positionals;
  if ((name === undefined) === (values.all !== true)) throw new WrongUse("down needs one name, or --all");
  await sweepClones();
  const live = await liveClones();
  const chosen =
    name === undefined ? live.filter(({ kept }) => kept) : live.filter((each) => each.name === nameOf(name));
  if (name !== undefined && chosen.length === 0)
    throw new Error(`no conductor of the name ${name} is running`);
  for (const clone of chosen) {
    await endClone(clone);
    process.stderr.write(`rig: ${clone.name} is gone\n`);
  }
  return 0;
}

async function list(argv: string[]): Promise<number> {
  const { values } = parsed(argv, { json: { type: "boolean" } }, 0);
  const found = (await liveClones()).map(({ name, recipe, kept, owner }) => ({ name, recipe, kept, owner }));
  if (values.json === true) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  else
    for (const { name, recipe, kept } of found)
      process.stdout.write(`${name}\t${recipe}\t${kept ? "up" : "test run"}\n`);
  return 0;
}

async function provision(argv: string[]): Promise<number> {
  const { positionals } = parsed(argv, {}, Number.POSITIVE_INFINITY);
  const names =
    positionals.length === 0 ? Object.values(recipes).map(({ name }) => name) : positionals.map(recipeNamed);
  demandParts();
  const roots = await Promise.all([
    ...names.map(provisionRoot),
    provisionArtifacts().then(({ layer }) => layer),
    provisionBinaries().then(({ "kube-apiserver": file }) => dirname(file)),
  ]);
  process.stdout.write(`${roots.join("\n")}\n`);
  return 0;
}

function parsed<const Options extends NonNullable<ParseArgsConfig["options"]>>(
  args: string[],
  options: Options,
  most: number,
) {
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    if (positionals.length > most) throw new WrongUse(`unexpected: ${positionals.slice(most).join(" ")}`);
    return { values, positionals };
  } catch (error) {
    throw error instanceof WrongUse ? error : new WrongUse(messageOf(error));
  }
}

function recipeNamed(name: unknown): RecipeName {
  if (typeof name === "string" && isRecipeName(name)) return name;
  throw new WrongUse(`there is no recipe ${name}; there are ${Object.keys(recipes).join(", ")}`);
}

function nameOf(name: unknown): string {
  try {
    return cloneOf(String(name)).name;
  } catch (error) {
    throw new WrongUse(messageOf(error));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`rig: ${messageOf(error)}\n`);
  if (error instanceof WrongUse) process.stderr.write("rig: npm run rig -- --help\n");
  process.exitCode = error instanceof WrongUse ? 64 : 1;
}
