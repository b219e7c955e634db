import { Worker } from "node:worker_threads";

/** Runs beside a program that may be stuck: says so, and ends its children, with their groups, and then the program. */
const program = `
const { readFileSync, readdirSync, writeSync } = require("node:fs");
const { workerData: { ms, text } } = require("node:worker_threads");
const end = (pid) => { try { process.kill(pid, "SIGKILL"); } catch {} };
const parentOf = (pid) => {
  try {
    const stat = readFileSync("/proc/" + pid + "/stat", "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch { return 0; }
};
setTimeout(() => {
  writeSync(2, text);
  for (const pid of readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)))
    if (parentOf(pid) === process.pid) { end(-pid); end(Number(pid)); }
  end(process.pid);
}, ms);`;

/**
 * The last resort: this process and its children are killed when so many milliseconds are over and it still runs,
 * whatever it is stuck in. `text` goes to its standard error first.
 */
export function endAfter(ms: number, text: string): void {
  new Worker(program, { eval: true, execArgv: [], workerData: { ms, text } }).unref();
}
