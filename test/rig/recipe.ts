import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The conductors that the rig can boot. */
export type RecipeName = "bookworm" | "trixie";

/** A wheel of the Python index, laid over what the distribution ships. */
export interface Wheel {
  readonly project: string;
  readonly version: string;
  readonly sha256: string;
}

/** All that determines a provisioned root. */
export interface Recipe {
  readonly name: RecipeName;
  /** Debian suite, also its code name. */
  readonly suite: string;
  /** `major.minor` of the suite's Python. */
  readonly python: string;
  /** Version of Magnum that the services run. */
  readonly magnum: string;
  /** What debootstrap installs: enough to boot, and what tests need. */
  readonly base: readonly string[];
  /** What apt installs in the second step. */
  readonly packages: readonly string[];
  readonly wheels: readonly Wheel[];
}

const base = [
  "systemd",
  "systemd-sysv",
  "dbus",
  "ca-certificates",
  "python3",
  "iproute2",
  "procps",
  "strace",
  "curl",
];

const packages = [
  "magnum-conductor",
  "magnum-api",
  "python3-pip",
  "python3-importlib-metadata",
  "python3-openstackclient",
  "python3-magnumclient",
  "tinyproxy-bin",
];

/** Debian 12 with the Magnum of the runbook's site laid over its packages, and Debian 13 with its own. */
export const recipes: Readonly<Record<RecipeName, Recipe>> = {
  bookworm: {
    name: "bookworm",
    suite: "bookworm",
    python: "3.11",
    magnum: "18.0.1",
    base,
    packages,
    wheels: [
      {
        project: "magnum",
        version: "18.0.1",
        sha256: "4e3b0c58e604e3a8126c752c3caee43714827bd67a4413c49b0ad2904d766188",
      },
    ],
  },
  trixie: { name: "trixie", suite: "trixie", python: "3.13", magnum: "20.0.0", base, packages, wheels: [] },
};

/** The script that runs inside a new root. */
export const setUpScript = join(import.meta.dirname, "set-up-root.sh");

/** True for the name of a recipe. */
export function isRecipeName(name: string): name is RecipeName {
  return Object.hasOwn(recipes, name);
}

/** The folder name of a recipe's root: it changes with everything that determines the result. */
export function recipeKey(recipe: Recipe): string {
  const hash = createHash("sha256").update(JSON.stringify(recipe)).update(readFileSync(setUpScript));
  return `${recipe.name}-${hash.digest("hex").slice(0, 16)}`;
}
