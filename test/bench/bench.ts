import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildCharm, projectRoot } from "../../build/build.ts";
import { hostArch } from "../../build/node-binary.ts";
import type { RecipeName } from "../rig/conductor.ts";
import { missingParts } from "../rig/prerequisites.ts";
import { progressOf } from "../rig/progress.ts";
import { makeGraftedSite, type Site } from "../rig/site.ts";
import { type Answers, recordAnswers } from "./cheap-commands.ts";
import { duration, type Figure, figure, ratioFigure } from "./figures.ts";
import { timeByHand, timeCharm } from "./first-graft.ts";
import { type Heal, measureHeal } from "./heal.ts";
import { type Idle, measureIdle } from "./idle.ts";
import { opsVersion } from "./ops-charm.ts";
import { measureOutage } from "./outage.ts";
import { measureQuietHook, type QuietHook } from "./quiet-hook.ts";

const help = `Measures the charm on real conductors in containers, side by side with what its times are held against.

Usage: npm run bench -- [--quick] [--idle-minutes N] [--json]

  --quick           half the runs of a hook, one pair of first grafts instead of three, fewer changes and repairs
  --idle-minutes N  how long the watch is left alone: 10 minutes, with --quick 1
  --json            one JSON object instead of a table

Exit codes: 0 every figure within what it may be, 1 not so or not measured, 64 wrong use.
`;

const notes = [
  "Every ratio is the median of those of the pairs of runs that followed each other, with real-time priority.",
  "Juju's hook commands are stood in for, in every hook alike, by shell scripts that print a recorded answer: they",
  "cost as little as a small client does; the unit tests' own start Node and would be most of what is measured.",
  `The hook on ops ${opsVersion} runs under the container's Python, out of a virtual environment as in a packed charm;`,
  "it reads the same options and secret, looks at the same files and processes, and sets nothing.",
  "Out of work: magnum-api from its last answer before a restart to the next one, asked every 20 ms; magnum-conductor,",
  "by its log, from the old process' SIGTERM to the new one's workers. A restart is that of both, in one command.",
  "A repair: from the end of the write that damages a file until its bytes, mode and owner are back, looked at every 10 ms.",
];

const recipe: RecipeName = "bookworm";
const progress = progressOf("bench");

interface Measured extends QuietHook, Pick<Heal, "trivial"> {
  readonly idle: Omit<Idle, "figures">;
}

interface Result extends Measured {
  /** Load of the machine over the last minute, at the end of the run; its processors. */
  readonly load: number;
  readonly processors: number;
}

interface Amount {
  readonly quick: boolean;
  readonly idleMinutes: number;
}

async function measure(amount: Amount): Promise<Result> {
  progress("packing the charm");
  const arch = hostArch();
  if (arch === undefined) throw new Error(`the charm is not built for ${process.arch}`);
  const { bytes } = await buildCharm({ arch, out: join(projectRoot, "dist") });
  progress("grafting two conductors, the watch of one on");
  const sites = await Promise.all([makeGraftedSite(recipe), makeGraftedSite(recipe, { watch: "on" })]);
  try {
    const measured = await measureGrafted(...sites, amount);
    const figures = [...measured.figures, figure("charm-size", [bytes / 1024 ** 2], `${bytes} bytes`)];
    return { ...measured, figures, load: loadavg()[0] ?? 0, processors: availableParallelism() };
  } finally {
    await Promise.all(sites.map((site) => site.down()));
  }
}

/** The watch is left alone on one conductor, which costs next to nothing, while the rest is measured on others. */
async function measureGrafted(site: Site, watched: Site, amount: Amount): Promise<Measured> {
  const { quick, idleMinutes } = amount;
  const answers = recordAnswers(site);
  progress("timing hooks with nothing to do");
  const quiet = await measureQuietHook(site, quick ? 15 : 30);
  progress("damaging what the watch repairs");
  const { figures: healed, trivial } = await measureHeal(watched, {
    files: quick ? 1 : 5,
    packages: quick ? 1 : 3,
  });
  const others = async () => {
    progress("a change and a restart, in turn");
    const outages = await measureOutage(site, answers, quick ? 2 : 5);
    return [...outages, await measureFirstGraft(answers, quick ? 1 : 3)];
  };
  const [{ figures: idled, ...idle }, rest] = await Promise.all([
    measureIdle(watched, idleMinutes),
    others(),
  ]);
  return { ...quiet, figures: [...quiet.figures, ...rest, ...healed, ...idled], trivial, idle };
}

/** Pairs of pristine conductors; the order changes from pair to pair. Too slow a figure gets as many pairs again. */
async function measureFirstGraft(answers: Answers, pairs: number): Promise<Figure> {
  const charm: number[] = [];
  const byHand: number[] = [];
  const timers = [
    async () => charm.push(await timeCharm(recipe, answers)),
    async () => byHand.push(await timeByHand(recipe)),
  ];
  let judged: Figure;
  do {
    for (let pair = 1; pair <= pairs; pair += 1) {
      progress(`first graft, by the charm and by hand: pair ${pair} of ${pairs}`);
      for (const time of timers.reverse()) await time();
    }
    judged = ratioFigure("first-graft", charm, byHand);
  } while (judged.verdict === "fails" && charm.length === pairs);
  return judged;
}

function shown(value: number, unit: Figure["unit"]): string {
  if (unit === "commands") return `${value}`;
  if (unit === "x") return `${value.toFixed(2)}x`;
  if (unit === "ms") return `${value.toFixed(0)} ms`;
  return unit === "runs" ? value.toFixed(2) : `${value.toFixed(1)} ${unit}`;
}

function row({ title, unit, goal, failsAbove, median, min, max, verdict, detail }: Figure): string {
  const columns = [shown(median, unit), shown(min, unit), shown(max, unit), goal, failsAbove];
  return `${title.padEnd(60)}${columns.map((each) => `${each}`.padStart(10)).join("")}  ${verdict.padEnd(13)}  ${detail}`;
}

function render({ figures, parts, fullLook, trivial, idle, load, processors }: Result): string {
  const head = ["median", "least", "most", "goal", "fails >"].map((each) => each.padStart(10)).join("");
  return [
    "",
    `${"".padEnd(60)}${head}`,
    ...figures.map(row),
    "",
    `config-changed that has to look at everything and finds it in line: ${fullLook.ratio.toFixed(0)}x node -e 0 (${duration(fullLook.ms)}); no budget`,
    `repair of the drop-in: ${trivial.ratio.toFixed(1)}x a path unit that puts a file back with cp (${duration(trivial.ms)}); no budget`,
    `the watch, left alone for ${idle.minutes.toFixed(1)} minutes: ${idle.runs} runs, ${duration(idle.perRun)} of CPU each, ${duration(idle.perMinute)} a minute`,
    "",
    "A hook with nothing to do, and its parts by themselves:",
    ...parts.map(({ part, ms }) => `  ${duration(ms).padStart(8)}  ${part}`),
    "",
    ...notes,
    `Load of the machine at the end: ${load.toFixed(1)} on ${processors} processors.`,
    "",
  ].join("\n");
}

/** The options; throws where they are none. */
function optionsOf(argv: readonly string[]): Amount & { readonly json: boolean; readonly help: boolean } {
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: { quick: flag, json: flag, help: flag, "idle-minutes": { type: "string" } },
  });
  const { quick, json, help: asked, "idle-minutes": minutes = quick ? "1" : "10" } = values;
  if (!/^[1-9]\d?$/.test(minutes)) throw new Error(`--idle-minutes: from 1 to 99, not ${minutes}`);
  return { quick, json, help: asked, idleMinutes: Number(minutes) };
}

async function main(argv: readonly string[]): Promise<number> {
  let values: ReturnType<typeof optionsOf>;
  try {
    values = optionsOf(argv);
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n${help}`);
    return 64;
  }
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const missing = missingParts();
  if (missing.length > 0) throw new Error(`this machine lacks\n  ${missing.join("\n  ")}`);
  const result = await measure(values);
  process.stdout.write(values.json ? `${JSON.stringify(result, null, 2)}\n` : render(result));
  return result.figures.some(({ verdict }) => verdict === "fails") ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
