import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type OptionName, optionDeclarations, optionSchemas } from "../src/conductor/options.ts";

/** The page of options, in the tree that this file belongs to. */
export const optionsPage = join(dirname(import.meta.dirname), "docs/reference/options.md");

const introduction = `# Options

<!-- Written by npm run docs out of src/conductor/options.ts: change it there. -->

These are the options of the charm (\`juju config magnum-capi-helm\`) and, under the same names, of the
file that \`capi-graft --config FILE\` reads. In that file \`kubeconfig\` is the path of a kubeconfig,
relative to the file, and \`api-resources\` may be a YAML mapping.

All options and the kubeconfig are checked together. If one value is refused, nothing on the unit is
changed, and the status names the option, its value and what is accepted. Control characters and
characters that are not ASCII are refused everywhere.
`;

const shownNames = Object.keys(optionDeclarations) as OptionName[];

/** What the program says that an option accepts: its refusal of a value that no restricted option takes. */
export function acceptedBy(name: OptionName): string | undefined {
  const answer = optionSchemas[name].safeParse("~");
  return answer.success ? undefined : answer.error.issues[0]?.message;
}

function renderDefault(name: OptionName): string {
  const { default: value } = optionDeclarations[name];
  if (value === undefined) return "none, it has to be set";
  return value === "" ? "empty" : `\`${value}\``;
}

function renderOption(name: OptionName): string {
  const { type, description } = optionDeclarations[name];
  const accepted = acceptedBy(name) ?? "the URI of a secret, `secret:ID`";
  return `## ${name}

${description}

- type: ${type}
- default: ${renderDefault(name)}
- accepted: ${accepted}
`;
}

/** The text of the page of options. Pure. */
export function renderOptions(): string {
  return [introduction, ...shownNames.map(renderOption)].join("\n");
}

if (import.meta.main) await writeFile(optionsPage, renderOptions());
