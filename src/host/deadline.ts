import { basename } from "node:path";
import { type Host, HostFault, type HttpsClient, type HttpsRequest, type HttpsServer } from "./host.ts";

/** How long a run may take, in milliseconds since it began. */
export interface Deadlines {
  /** For what it is asked to do. */
  readonly workMs: number;
  /** For that, and for taking back what it began. */
  readonly wholeMs: number;
}

/** A command in a few words: the program and its verbs, without who runs it. */
export function nameOf(argv: readonly string[]): string {
  const words = argv[0] === "runuser" ? argv.slice(argv.indexOf("--") + 1) : argv;
  const [program = "", ...rest] =
    words[0] === "env" ? words.slice(1).filter((word) => word !== "-i" && !/^\w+=/.test(word)) : words;
  const end = rest.findIndex((word) => !/^(-[a-z]|[a-z][\w.@-]{0,40})$/i.test(word));
  return [basename(program), ...rest.slice(0, Math.min(3, end === -1 ? 3 : end))].join(" ");
}

/** Adds up what a run waited for. */
function stopwatch(elapsed: () => number) {
  const waits = new Map<string, number>();
  return {
    measure: async <T>(what: string, wait: () => Promise<T>): Promise<T> => {
      const began = elapsed();
      try {
        return await wait();
      } finally {
        waits.set(what, (waits.get(what) ?? 0) + elapsed() - began);
      }
    },
    /** What took longest; "" where nothing took a second. */
    longest: (): string => {
      const [first] = [...waits].toSorted(([, a], [, b]) => b - a);
      return first === undefined || first[1] < 1_000
        ? ""
        : `${first[0]} took ${Math.round(first[1] / 1_000)} s: `;
    },
  };
}

/**
 * The same machine for a run that has to end in time, however many of its steps hang: each wait gets its own limit or
 * what is left, and with nothing left it ends in a `HostFault` that names what took longest. Files need no limit.
 * `elapsed`: milliseconds since the run began, by a clock that nobody sets.
 */
export function withDeadline(host: Host, { workMs, wholeMs }: Deadlines, elapsed: () => number): Host {
  const { measure, longest } = stopwatch(elapsed);
  const over = () =>
    new HostFault(`${longest()}no time is left in this run`, {
      cure: "time",
      remedy: "wait: it is tried again",
    });
  const until = (endMs: number, kept?: Host): Host => {
    const left = () => endMs - elapsed();
    const within = async <T>(
      what: string,
      ownMs: number,
      wait: (limitMs: number) => Promise<T>,
      isCutOff: (result: T) => boolean,
    ): Promise<T> => {
      const limitMs = Math.min(ownMs, Math.ceil(left()));
      if (limitMs <= 0 && ownMs > 0) throw over();
      const result = await measure(what, () => wait(limitMs));
      if (limitMs < ownMs && isCutOff(result)) throw over();
      return result;
    };
    const https = (server: HttpsServer): HttpsClient => {
      const client = host.https(server);
      const request = (asked: HttpsRequest) => {
        const wait = (timeoutMs: number) => client.request({ ...asked, timeoutMs });
        // Its connection has a limit of its own, and may be given up before the time is over.
        return within(server.url.origin, asked.timeoutMs, wait, (it) => !it.ok && it.timedOut && left() <= 1);
      };
      return { ...client, request };
    };
    const machine: Host = {
      ...host,
      run: async (argv, options = {}) => {
        const wait = (timeoutMs: number) => host.run(argv, { ...options, timeoutMs });
        return await within(nameOf(argv), options.timeoutMs ?? 60_000, wait, ({ timedOut }) => timedOut);
      },
      download: async (url, to, limits) => {
        const wait = (timeoutMs: number) => host.download(url, to, { ...limits, timeoutMs });
        return await within(url, limits.timeoutMs, wait, () => false);
      },
      https,
      lock: async (path, waitMs) => {
        const wait = (limitMs: number) => host.lock(path, limitMs);
        return await within("the wait for another run", waitMs, wait, (release) => release === undefined);
      },
      sleep: (ms) => within("the wait for the services or helm", ms, host.sleep, () => true),
      time: { left, over, more: kept ?? host },
    };
    return kept === undefined ? { ...machine, time: { left, over, more: machine } } : machine;
  };
  return until(workMs, until(wholeMs));
}
