import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test, vi } from "vitest";
import { scratchFolder } from "../bundle/scratch.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const program = await readFile(join(import.meta.dirname, "../../src/conductor/daemon-view.py"), "utf8");
const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3";

/** As much of Magnum and oslo.config as the program asks: a configuration that is its arguments and two variables. */
const toyMagnum: Readonly<Record<string, string>> = {
  "oslo_config/__init__.py": "",
  "oslo_config/cfg.py": "class ConfigFileValueError(ValueError):\n    pass\n",
  "magnum/__init__.py": "",
  "magnum/conf.py": `
import os

class Conf(dict):
    config_file = config_dirs = default_config_dirs = None

    def __call__(self, args, project, default_config_dirs):
        self["toy"] = {"args": " ".join(args), "variables": " ".join(os.environ.get(it, "-") for it in ("TOY", "OTHER"))}

CONF = Conf()
`,
  "magnum/drivers/__init__.py": "",
  "magnum/drivers/common/__init__.py": "",
  "magnum/drivers/common/driver.py": `
import os, types

class Driver:
    @classmethod
    def load_entry_points(cls):
        print("a driver that prints")
        if os.environ.get("TOY") == "death":
            os._exit(3)
        yield types.SimpleNamespace(name="toy"), None
`,
};

describe("the program that asks for views", () => {
  async function views(own: Readonly<Record<string, string>>, ...more: readonly object[]) {
    const options = [
      ["toy", "args"],
      ["toy", "variables"],
    ];
    const plain = { PYTHONPATH: await scratchFolder(toyMagnum), PATH: process.env["PATH"] ?? "" };
    const request = {
      views: more.map((it) => ({ args: [], options, ...it })),
      preferred: "",
      environment: { ...plain, OTHER: "plain" },
    };
    const { stdout } = await execa(python, ["-", JSON.stringify(request)], {
      input: program,
      env: { ...plain, ...own },
      extendEnv: false,
      cwd: "/",
      timeout: 20_000,
    });
    expect(stdout).not.toContain("a driver that prints");
    return JSON.parse(stdout) as readonly unknown[];
  }

  const view = (args: string, variables: string) => ({
    drivers: ["toy"],
    options: { "toy.args": { value: args, file: "" }, "toy.variables": { value: variables, file: "" } },
  });
  const login = { management: { kubeconfig: "/none", kinds: [] } };

  test("answers for each by itself, that with a login in the program's environment, the others in the plain one", async () => {
    const asked = [{ args: ["--one"], ...login }, { args: ["--two", "x"] }];
    expect(await views({ TOY: "own" }, ...asked)).toEqual([
      view("--one", "own -"),
      view("--two x", "- plain"),
    ]);
  });

  test("says of one whose process ends that it does, and answers for the others", async () => {
    expect(await views({ TOY: "death" }, login, {})).toEqual([
      { drivers: [], options: {}, configError: "Python ended with 3" },
      view("", "- plain"),
    ]);
  });
});
