import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { OptionName } from "../../src/conductor/options.ts";

/** What an option may be set to by mistake or on purpose, by its kind; made of a value that would be good. */
export function badValues(good: string): Readonly<Record<string, unknown>> {
  return {
    "nothing at all": null,
    "a number": 7,
    "a fraction": 1.5,
    "a truth": true,
    "a list": ["x"],
    "a map": { a: 1 },
    "a map that is no text": { toString: 1 },
    empty: "",
    "a blank": " ",
    "1 MB": "a".repeat(1_000_000),
    "1 MB more": good + "a".repeat(1_000_000),
    "1 MB of NUL": "\0".repeat(1_000_000),
    "a new line": `${good}\n`,
    "a line of its own": `${good}\n[DEFAULT]\ndebug = true`,
    "a carriage return": `${good}\r`,
    NUL: `${good}\0`,
    DEL: `${good}\u007f`,
    "a quote": `${good}'`,
    "a double quote": `${good}"`,
    quotes: `"${good}"`,
    percent: `${good}%`,
    "a percent name": `%(x)s${good}`,
    "a command": `$(id)${good}`,
    "a variable": `\${HOME}${good}`,
    "a dollar": `${good}$$`,
    backticks: `\`id\`${good}`,
    "a backslash": `${good}\\`,
    "a dash": `-${good}`,
    "a flag": `--option=${good}`,
    "an anchor": `&a ${good}`,
    "an alias": "*a",
    "names twice": "{a: 1, a: 2}",
    "a tag": `!!python/object:os.system ${good}`,
    "a list in YAML": `- ${good}`,
    "a comment": `${good} # c`,
    "another comment": `${good};c`,
    "a letter that is no ASCII": `${good}\u00e9`,
    "a mark of the order of bytes": `\ufeff${good}`,
    "letters that turn around": `${good}\u202e`,
  };
}

const ca = readFileSync(join(import.meta.dirname, "../fixtures/ca/ca.pem"), "utf8");

/** Signs that end no line and begin nothing. */
const harmless = [
  "a quote",
  "a double quote",
  "percent",
  "a dollar",
  "a backslash",
  "a comment",
  "another comment",
];
const signs = [
  ...harmless,
  "quotes",
  "a percent name",
  "a command",
  "a variable",
  "backticks",
  "a dash",
  "a flag",
];
const yaml = ["an anchor", "a tag", "a list in YAML"];
const foreign = ["a letter that is no ASCII", "a mark of the order of bytes", "letters that turn around"];
const lines = ["a new line", "a line of its own", "a carriage return", "NUL", "DEL"];

/** A good value of each option, and which bad ones made of it are taken all the same. All others are refused. */
export const optionTable: Readonly<Record<OptionName, readonly [good: string, taken: readonly string[]]>> = {
  // Judged as the address of a secret before anything is asked for: see below.
  kubeconfig: [
    "secret:d0bsnaj8mtb47d5kqv0g",
    ["empty", "a blank", ...signs, ...yaml, "an alias", "names twice"],
  ],
  "driver-version": ["1.4.0", []],
  "driver-index-url": ["https://index.example.com/simple", ["empty", "percent", "another comment"]],
  "helm-version": ["3.17.3", []],
  "helm-url": ["https://mirror.example.com/helm.tar.gz", ["empty", "percent", "another comment"]],
  "helm-sha256": ["0".repeat(64), ["empty"]],
  "chart-version": ["0.25.1", []],
  "chart-repository": ["https://charts.example.com/charts", ["percent", "another comment"]],
  "chart-name": ["openstack-cluster", []],
  "api-resources": ['{"Machine": {}}', []],
  "default-network-driver": ["calico", []],
  "capi-helm-options": ["octavia_provider: ovn", ["empty", "a new line", ...harmless]],
  // What stands around the certificates is left out.
  "openstack-ca": [ca, ["empty", ...lines, ...signs, ...yaml, ...foreign]],
  "management-no-proxy": ["true", ["a truth"]],
  "abandon-clusters": ["true", ["a truth"]],
  "expiry-warning-days": ["5", ["a number"]],
  "self-heal": ["true", ["a truth"]],
  "self-heal-limit": ["5", ["a number"]],
  "self-heal-window": ["5", ["a number"]],
  "enable-auto-restarts": ["true", ["a truth"]],
};
