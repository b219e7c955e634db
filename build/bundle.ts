import { join } from "node:path";
import { type BuildOptions, build, formatMessages, type Metafile, type Plugin } from "esbuild";
import { holdBudget } from "./budget.ts";
import { collectLicences, packageFolder } from "./licences.ts";

/** What runs on the unit: two CommonJS files, and the licence texts of the packages inside them. */
export interface Bundle {
  /** The hot file: loaded by every hook, so it holds only what decides that nothing changed. */
  readonly main: Buffer;
  /** Everything else: `main` loads it when there is work. */
  readonly full: Buffer;
  /** Empty when no package is inside. */
  readonly licences: string;
}

const neverShipped = ["memfs", "vitest", "fast-check"];

/** Options that the charm's bundle and the library's share: nothing in the output depends on the machine. */
const sharedOptions = {
  bundle: true,
  platform: "node",
  charset: "utf8",
  legalComments: "none",
  loader: { ".tmpl": "text", ".py": "text" },
  logLevel: "silent",
  metafile: true,
  preserveSymlinks: true,
  write: false,
} as const satisfies BuildOptions;

/** Leaves the cold half out of the hot file: `await import("./full.ts")` becomes a lazy `require("./full.cjs")`. */
const splitFull: Plugin = {
  name: "split-full",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/full\.ts$/ }, () => ({ path: "./full.cjs", external: true }));
  },
};

/**
 * Bundles `src/main.ts` and `src/full.ts` of a tree. Reads the tree, writes nothing.
 * @param root the folder that holds src/ and node_modules/
 * @throws Error on a warning, when a package for tests is among the inputs, or over budget
 */
export async function bundleCharm(root: string): Promise<Bundle> {
  const charmOptions: BuildOptions = {
    ...sharedOptions,
    absWorkingDir: root,
    target: "node24",
    format: "cjs",
    banner: { js: "#!/usr/bin/env node" },
    // Node's own import() would start the ESM loader for nothing; esbuild then writes a lazy require.
    supported: { "dynamic-import": false },
  };
  const main = await runEsbuild({
    ...charmOptions,
    entryPoints: ["src/main.ts"],
    minify: true,
    plugins: [splitFull],
  });
  // Shorter syntax only: names and lines stay, for the stack of a defect.
  const full = await runEsbuild({ ...charmOptions, entryPoints: ["src/full.ts"], minifySyntax: true });
  holdBudget("dist/main.cjs", main.code.length, describeContents(main.metafile));
  holdBudget("dist/full.cjs", full.code.length, describeContents(full.metafile));
  const inputs = [...Object.keys(main.metafile.inputs), ...Object.keys(full.metafile.inputs)];
  return { main: main.code, full: full.code, licences: await collectLicences(root, inputs) };
}

/**
 * One esbuild run with one output file.
 * @throws Error on a warning, or when an input is a package for tests or a file under test/
 */
async function runEsbuild(options: BuildOptions): Promise<{ code: Buffer; metafile: Metafile }> {
  const result = await build(options);
  if (result.warnings.length > 0) {
    const warnings = await formatMessages(result.warnings, { kind: "warning" });
    throw new Error(`esbuild warned, and the build takes no warning:\n${warnings.join("\n").trim()}`);
  }
  const { metafile, outputFiles } = result;
  const [output] = outputFiles ?? [];
  if (metafile === undefined || output === undefined) throw new Error("esbuild wrote no output");
  refuseTestCode(metafile);
  return { code: Buffer.from(output.contents), metafile };
}

function refuseTestCode({ inputs }: Metafile): void {
  for (const input of Object.keys(inputs)) {
    const packageName = neverShipped.find((name) => input.includes(`node_modules/${name}/`));
    if (packageName === undefined && !input.startsWith("test/")) continue;
    const importer = Object.entries(inputs).find(([, { imports }]) =>
      imports.some(({ path }) => path === input),
    );
    throw new Error(
      `the bundle would hold ${packageName ?? input}, which is for tests only: ${importer?.[0] ?? "the entry"} imports ${input}`,
    );
  }
}

/** The five packages with the most bytes in an output, and our own code as `src`. */
function describeContents({ outputs }: Metafile): string {
  const sizes = new Map<string, number>();
  for (const { inputs } of Object.values(outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
      const owner = packageFolder(input)?.replace(/^.*node_modules\//, "") ?? "src";
      sizes.set(owner, (sizes.get(owner) ?? 0) + bytesInOutput);
    }
  }
  const largest = [...sizes].sort(([, a], [, b]) => b - a).slice(0, 5);
  return largest.map(([owner, bytes]) => `${owner} ${Math.round(bytes / 1024)} KiB`).join(", ");
}

/** Bundles the library: one ES module with our own code and templates; the packages stay imports. */
export async function bundleLibrary(root: string): Promise<{ code: Buffer; packages: readonly string[] }> {
  const { code, metafile } = await runEsbuild({
    ...sharedOptions,
    absWorkingDir: root,
    entryPoints: [join("src", "index.ts")],
    target: "node22",
    format: "esm",
    packages: "external",
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  return {
    code,
    packages: [...new Set(imports.filter(({ external }) => external).map(({ path }) => path))].sort(),
  };
}
