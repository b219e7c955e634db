import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../src/conductor/paths.ts";
import type { Site } from "../rig/site.ts";
import { benchFolder, environmentOf, lastStatus, placeCommands, recordAnswers } from "./cheap-commands.ts";
import { type Figure, figure, ratioFigure } from "./figures.ts";
import { placeOpsCharm } from "./ops-charm.ts";
import { pairwise, spread } from "./statistics.ts";
import { type Case, type Runs, timeInTurn } from "./stopwatch.ts";

type Name = "node" | "update-status" | "ops" | "config-changed" | "program" | "shell" | "command";

/** What is known of a hook with nothing to do. */
export interface QuietHook {
  readonly figures: readonly Figure[];
  /** The hook and what it is made of, each by itself: medians. */
  readonly parts: readonly { readonly part: string; readonly ms: number }[];
  /** A hook that has to look at everything and finds it in line, against node -e 0: no budget is set for it. */
  readonly fullLook: { readonly ratio: number; readonly ms: number };
}

/** How many of the hook commands that Juju has a hook with nothing to do used. Throws when it had something to do. */
async function countCommands({ unit }: Site): Promise<Figure> {
  const { code, calls, stderr } = await unit.runHook("update-status");
  const words = calls.map(({ command, argv }) => [command, ...argv].join(" "));
  if (code !== 0 || calls.some(({ command }) => command === "status-set")) {
    throw new Error(`update-status had something to do (${code}): ${words.join("; ")}\n${stderr}`);
  }
  return figure("hook-commands", [calls.length], calls.map(({ command }) => command).join(", "));
}

/** The commands that are timed: the baseline, the hooks, and the parts of a hook. */
async function casesOf(site: Site): Promise<Record<Name, Case>> {
  const { conductor, unit } = site;
  const node = `${unit.charmFolder}/bin/node`;
  const hook = (name: string): Case => ({
    argv: [`${unit.charmFolder}/hooks/${name}`],
    environment: environmentOf(site, name),
  });
  const { config, secret } = recordAnswers(site);
  const answers = { "config.answer": config, "secret.answer": secret };
  for (const [name, text] of Object.entries(answers)) {
    writeFileSync(join(conductor.root, benchFolder, name), [text, "0"].join("\0"));
  }
  const files = Object.keys(answers).map((name) => `${benchFolder}/${name}`);
  return {
    node: { argv: [node, "-e", "0"] },
    "update-status": hook("update-status"),
    ops: await placeOpsCharm(conductor),
    "config-changed": hook("config-changed"),
    program: {
      argv: [node, `${unit.charmFolder}/dist/main.cjs`, "hook", ...files],
      directory: unit.charmFolder,
    },
    shell: { argv: ["/bin/bash", "-c", ":"] },
    command: { argv: [`${benchFolder}/tools/config-get`, "--format=json"] },
  };
}

function timesOf(runs: Runs<Name>, name: Name): readonly number[] {
  return runs[name].map(({ ms }) => ms);
}

function figuresOf(runs: Runs<Name>): readonly Figure[] {
  const node = timesOf(runs, "node");
  const updateStatus = timesOf(runs, "update-status");
  const memory = [...runs["update-status"], ...runs["config-changed"]].map(({ kib }) => kib / 1024);
  const bare = Math.max(...runs.node.map(({ kib }) => kib / 1024));
  return [
    ratioFigure("update-status-node", updateStatus, node),
    ratioFigure("update-status-ops", updateStatus, timesOf(runs, "ops")),
    ratioFigure("config-changed-node", timesOf(runs, "config-changed"), node),
    figure("peak-memory", memory, `node -e 0: ${bare.toFixed(1)}`),
  ];
}

function partsOf(runs: Runs<Name>): QuietHook["parts"] {
  const parts: Partial<Record<Name, string>> = {
    "update-status": "the hook: a shell starts; then Node, and both hook commands at the same time",
    shell: "the shell's start",
    program: "Node with the program, Juju's answers at hand",
    command: "one hook command",
    node: "node -e 0",
  };
  return Object.entries(parts).map(([name, part]) => ({
    part,
    ms: spread(timesOf(runs, name as Name)).median,
  }));
}

function joined(first: Runs<Name>, second: Runs<Name>): Runs<Name> {
  const entries = Object.entries(first).map(([name, runs]) => [name, [...runs, ...second[name as Name]]]);
  return Object.fromEntries(entries) as Runs<Name>;
}

/** Measures a unit in line. A budget that is exceeded is measured again, with the first runs counted too. */
export async function measureQuietHook(site: Site, rounds: number): Promise<QuietHook> {
  const { conductor } = site;
  const commands = await countCommands(site);
  placeCommands(conductor, recordAnswers(site));
  const cases = await casesOf(site);
  const how = { warmUp: 3, limitSeconds: 60, environment: environmentOf(site, "update-status") };
  let runs = await timeInTurn(conductor, cases, { ...how, rounds });
  if (figuresOf(runs).some(({ verdict }) => verdict === "fails")) {
    runs = joined(runs, await timeInTurn(conductor, cases, { ...how, rounds }));
  }
  const status = lastStatus(conductor);
  if (status !== "") throw new Error(`a hook that was timed had something to do: it set ${status}`);
  const looks = { node: cases.node, look: { ...cases["config-changed"], remove: paths.signature } };
  const full = await timeInTurn(conductor, looks, { ...how, warmUp: 1, rounds: Math.ceil(rounds / 8) });
  const times = { look: full.look.map(({ ms }) => ms), node: full.node.map(({ ms }) => ms) };
  return {
    figures: [...figuresOf(runs), commands],
    parts: partsOf(runs),
    fullLook: { ratio: spread(pairwise(times.look, times.node)).median, ms: spread(times.look).median },
  };
}
