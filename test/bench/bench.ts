import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildCharm, projectRoot } from "../../build/build.ts";
import { hostArch } from "../../build/node-binary.ts";
import type { RecipeName } from "../rig/conductor.ts";
import { missingParts } from "../rig/prerequisites.ts";
import { progressOf } from "../rig/progress.ts";
import { makeGraftedSite } from "../rig/site.ts";
import { type Answers, recordAnswers } from "./cheap-commands.ts";
import { duration, type Figure, figure, ratioFigure } from "./figures.ts";
import { timeByHand, timeCharm } from "./first-graft.ts";
import { opsVersion } from "./ops-charm.ts";
import { measureQuietHook, type QuietHook } from "./quiet-hook.ts";

const help = `Measures the charm on a real conductor in a container, side by side with what its times are held against.

Usage: npm run bench -- [--quick] [--json]

  --quick  half the runs of a hook, and one pair of first grafts instead of three
  --json   one JSON object instead of a table

Exit codes: 0 every figure within what it may be, 1 not so or not measured, 64 wrong use.
`;

const notes = [
  "Every ratio is the median of those of the pairs of runs that followed each other, with real-time priority.",
  "Juju's hook commands are stood in for, in every hook alike, by shell scripts that print a recorded answer: they",
  "cost as little as a small client does; the unit tests' own start Node and would be most of what is measured.",
  `The hook on ops ${opsVersion} runs under the container's Python, out of a virtual environment as in a packed charm;`,
  "it reads the same options and secret, looks at the same files and processes, and sets nothing.",
];

const recipe: RecipeName = "bookworm";
const progress = progressOf("bench");

interface Result extends QuietHook {
  /** Load of the machine over the last minute, at the end of the run; its processors. */
  readonly load: number;
  readonly processors: number;
}

async function measure(quick: boolean): Promise<Result> {
  progress("packing the charm");
  const arch = hostArch();
  if (arch === undefined) throw new Error(`the charm is not built for ${process.arch}`);
  const { bytes } = await buildCharm({ arch, out: join(projectRoot, "dist") });
  progress("grafting a conductor");
  const site = await makeGraftedSite(recipe);
  let quiet: QuietHook;
  let answers: Answers;
  try {
    answers = recordAnswers(site);
    progress("timing hooks with nothing to do");
    quiet = await measureQuietHook(site, quick ? 15 : 30);
  } finally {
    await site.down();
  }
  const figures = [
    ...quiet.figures,
    figure("charm-size", [bytes / 1024 ** 2], `${bytes} bytes`),
    await measureFirstGraft(answers, quick ? 1 : 3),
  ];
  return { ...quiet, figures, load: loadavg()[0] ?? 0, processors: availableParallelism() };
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
  return unit === "x" ? `${value.toFixed(2)}x` : `${value.toFixed(1)} MiB`;
}

function row({ title, unit, goal, failsAbove, median, min, max, verdict, detail }: Figure): string {
  const columns = [shown(median, unit), shown(min, unit), shown(max, unit), goal, failsAbove];
  return `${title.padEnd(60)}${columns.map((each) => `${each}`.padStart(10)).join("")}  ${verdict.padEnd(13)}  ${detail}`;
}

function render({ figures, parts, fullLook, load, processors }: Result): string {
  const head = ["median", "least", "most", "goal", "fails >"].map((each) => each.padStart(10)).join("");
  return [
    "",
    `${"".padEnd(60)}${head}`,
    ...figures.map(row),
    "",
    `config-changed that has to look at everything and finds it in line: ${fullLook.ratio.toFixed(0)}x node -e 0 (${duration(fullLook.ms)}); no budget`,
    "",
    "A hook with nothing to do, and its parts by themselves:",
    ...parts.map(({ part, ms }) => `  ${duration(ms).padStart(8)}  ${part}`),
    "",
    ...notes,
    `Load of the machine at the end: ${load.toFixed(1)} on ${processors} processors.`,
    "",
  ].join("\n");
}

async function main(argv: readonly string[]): Promise<number> {
  let values: { quick: boolean; json: boolean; help: boolean };
  try {
    const flag = { type: "boolean", default: false } as const;
    ({ values } = parseArgs({ args: [...argv], options: { quick: flag, json: flag, help: flag } }));
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
  const result = await measure(values.quick);
  process.stdout.write(values.json ? `${JSON.stringify(result, null, 2)}\n` : render(result));
  return result.figures.some(({ verdict }) => verdict === "fails") ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
