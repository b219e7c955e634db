import type { CommandResult, Host, RunOptions } from "../../../src/host/host.ts";
import { type HttpsReply, type MemoryHost, memoryHost } from "../../../src/host/memory-host.ts";

/** What a program answers on a machine in memory; `undefined` when the command is not its own. */
export type Program = (
  argv: readonly string[],
  options: RunOptions,
  host: Host,
) => Partial<CommandResult> | undefined | Promise<Partial<CommandResult> | undefined>;

/** A machine in memory whose programs, unlike those of `memoryHost` alone, may read and write its files. */
export function scriptedHost(
  programs: readonly Program[],
  files: Record<string, string> = {},
  https?: HttpsReply,
): MemoryHost & { readonly commands: (readonly string[])[] } {
  const commands: (readonly string[])[] = [];
  const machine: MemoryHost = memoryHost({ files, ...(https === undefined ? {} : { https }) });
  const host: MemoryHost & { readonly commands: (readonly string[])[] } = {
    ...machine,
    commands,
    run: async (argv, options = {}) => {
      commands.push(argv);
      const answer = (await firstAnswer(programs, argv, options, host)) ?? notThere(argv);
      const code = answer.code ?? 0;
      return { ok: code === 0, code, stdout: "", stderr: "", timedOut: false, ...answer };
    },
  };
  return host;
}

async function firstAnswer(
  programs: readonly Program[],
  argv: readonly string[],
  options: RunOptions,
  host: Host,
): Promise<Partial<CommandResult> | undefined> {
  for (const program of programs) {
    const answer = await program(argv, options, host);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function notThere(argv: readonly string[]): Partial<CommandResult> {
  return { code: 127, stderr: `${argv[0]}: not found` };
}

function withoutEnv(words: readonly string[]): readonly string[] {
  if (words[0] !== "env") return words;
  return words.slice(words.findIndex((word, index) => index > 0 && word !== "-i" && !/^\w+=/.test(word)));
}

/**
 * The words of a command line behind `runuser -u USER -- env -i NAME=VALUE ...`, which goes in front of many, and behind
 * a shell that runs them in the environment of a file.
 */
export function withoutUser(argv: readonly string[]): readonly string[] {
  if (argv[0] !== "runuser") return argv;
  const words = withoutEnv(argv.slice(4));
  const isShell = words[0] === "sh" && words[1] === "-c" && words[2]?.trim().endsWith('exec "$@"') === true;
  return isShell ? withoutEnv(words.slice(4)) : words;
}
